package io.github.valetkey;

import java.time.Instant;
import java.util.List;
import java.util.Map;

/** One user's account at a provider. Its credential is never shown. */
public sealed class ConnectedAccount extends Answer permits DisconnectedAccount {
  private String id;
  private String status;
  private String connectionName;
  private String connectionId;
  private String connector;
  private String provider;
  private String identifier;
  private String organizationId;
  private String userId;
  private String authType;
  private List<String> scopes = List.of();
  private String label;
  private Map<String, Object> apiConfig = Map.of();
  private String cause;
  private Instant tokenExpiresAt;
  private Instant lastUsedAt;
  private Instant createdAt;
  private Instant updatedAt;
  private String accountName;
  private Instant refreshAt;
  private Degraded degraded;
  private Place place;

  ConnectedAccount() {}

  /** {@return its id: {@code ca_…}} */
  public String getId() {
    return id;
  }

  /** {@return how it stands: one of {@link AccountStatus}, or another that a later server knows} */
  public String getStatus() {
    return status;
  }

  /** {@return the name of its connection, such as {@code gmail}} */
  public String getConnectionName() {
    return connectionName;
  }

  /** {@return the id of its connection: {@code conn_…}} */
  public String getConnectionId() {
    return connectionId;
  }

  /** {@return the connector's name} */
  public String getConnector() {
    return connector;
  }

  /** {@return the connector's official upper-case name, such as {@code GMAIL}} */
  public String getProvider() {
    return provider;
  }

  /** {@return the caller's own id of the user} */
  public String getIdentifier() {
    return identifier;
  }

  /** {@return the caller's own id of the user's organization, or {@code null}} */
  public String getOrganizationId() {
    return organizationId;
  }

  /** {@return a further id of the caller's, or {@code null}} */
  public String getUserId() {
    return userId;
  }

  /**
   * {@return {@code OAUTH}, {@code OAUTH_CLIENT_CREDENTIALS}, {@code API_KEY}, {@code BASIC}, {@code BEARER} or {@code
   * NONE}}
   */
  public String getAuthType() {
    return authType;
  }

  /** {@return the scopes granted at the provider} */
  public List<String> getScopes() {
    return scopes;
  }

  /** {@return the e-mail address or user name at the provider, or {@code null} if unknown} */
  public String getLabel() {
    return label;
  }

  /** {@return free settings that are kept with the account} */
  public Map<String, Object> getApiConfig() {
    return apiConfig;
  }

  /** {@return why it does not work, as a code of the catalogue; {@code null} if it does} */
  public String getCause() {
    return cause;
  }

  /** {@return when the access token stops working; {@code null} if unknown or never} */
  public Instant getTokenExpiresAt() {
    return tokenExpiresAt;
  }

  /** {@return when it was last used for a call, to the minute; {@code null} if never} */
  public Instant getLastUsedAt() {
    return lastUsedAt;
  }

  /** {@return when it was made} */
  public Instant getCreatedAt() {
    return createdAt;
  }

  /** {@return when it last changed} */
  public Instant getUpdatedAt() {
    return updatedAt;
  }

  /** {@return what tells it apart from other accounts of the user on the connection; {@code null} for the unnamed one} */
  public String getAccountName() {
    return accountName;
  }

  /** {@return when its credential is renewed next without anybody asking; {@code null} if never} */
  public Instant getRefreshAt() {
    return refreshAt;
  }

  /** {@return set while renewals fail in passing; the account works as long as its access token lives} */
  public Degraded getDegraded() {
    return degraded;
  }

  /** {@return the site, company or workspace at the provider that it works in; {@code null} where accounts have none} */
  public Place getPlace() {
    return place;
  }
}
