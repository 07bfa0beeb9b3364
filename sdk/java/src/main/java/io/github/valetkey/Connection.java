package io.github.valetkey;

import java.time.Instant;
import java.util.List;
import java.util.Map;

/** A configured connector. Its client secret is never shown. */
public final class Connection extends Answer {
  private String id;
  private String name;
  private String connector;
  private String provider;
  private String displayName;
  private String authType;
  private String clientId;
  private boolean hasClientSecret;
  private Instant clientSecretExpiresAt;
  private boolean useSharedCredentials;
  private List<String> scopes = List.of();
  private Overrides overrides = new Overrides();
  private Map<String, String> variables = Map.of();
  private boolean enabled;
  private String identityPolicy;
  private Integer callTimeoutMs;
  private String redirectUri;
  private ConnectionFault fault;
  private Instant createdAt;
  private Instant updatedAt;

  Connection() {}

  /** {@return its id: {@code conn_…}} */
  public String getId() {
    return id;
  }

  /** {@return its name, unique within the environment} */
  public String getName() {
    return name;
  }

  /** {@return the connector's name} */
  public String getConnector() {
    return connector;
  }

  /** {@return the connector's official upper-case name} */
  public String getProvider() {
    return provider;
  }

  /** {@return the connector's name for people} */
  public String getDisplayName() {
    return displayName;
  }

  /** {@return how its accounts are authorized: {@code OAUTH}, {@code API_KEY}, …} */
  public String getAuthType() {
    return authType;
  }

  /** {@return the OAuth client at the provider, or {@code null}} */
  public String getClientId() {
    return clientId;
  }

  /** {@return whether a client secret is stored} */
  public boolean hasClientSecret() {
    return hasClientSecret;
  }

  /** {@return when the client secret ends at the provider, or {@code null} if nobody said so} */
  public Instant getClientSecretExpiresAt() {
    return clientSecretExpiresAt;
  }

  /** {@return whether the operator-wide OAuth client is used} */
  public boolean isUseSharedCredentials() {
    return useSharedCredentials;
  }

  /** {@return the scopes asked for; empty means the connector's defaults} */
  public List<String> getScopes() {
    return scopes;
  }

  /** {@return other base URLs than the connector's} */
  public Overrides getOverrides() {
    return overrides;
  }

  /** {@return values for the connector's URL templates} */
  public Map<String, String> getVariables() {
    return variables;
  }

  /**
   * {@return what to do when a user authorizes again with another account at the provider: {@code flag} or {@code
   * refuse}}
   */
  public String getIdentityPolicy() {
    return identityPolicy;
  }

  /** {@return the longest that a call may take, in milliseconds; {@code null} leaves it to connector and server} */
  public Integer getCallTimeoutMs() {
    return callTimeoutMs;
  }

  /** {@return whether it is enabled} */
  public boolean isEnabled() {
    return enabled;
  }

  /** {@return what to register at the provider, exactly} */
  public String getRedirectUri() {
    return redirectUri;
  }

  /** {@return set while the provider refuses the connection's own configuration, else {@code null}} */
  public ConnectionFault getFault() {
    return fault;
  }

  /** {@return when it was made} */
  public Instant getCreatedAt() {
    return createdAt;
  }

  /** {@return when it last changed} */
  public Instant getUpdatedAt() {
    return updatedAt;
  }
}
