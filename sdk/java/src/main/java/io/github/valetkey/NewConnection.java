package io.github.valetkey;

import java.time.Instant;
import java.util.List;
import java.util.Map;

/** A connection to create. */
public final class NewConnection extends Request {
  /**
   * Makes a description of a connection.
   *
   * @param connector the connector, by its own or its official name
   */
  public NewConnection(String connector) {
    give("connector", connector);
  }

  /**
   * Sets the name: letters, digits, {@code _}, {@code :}, space and {@code -}; made up from the connector's unless set.
   *
   * @param name the name: letters, digits, {@code _}, {@code :}, space and {@code -}; made up from the connector's
   * unless set
   * @return this
   */
  public NewConnection name(String name) {
    give("name", name);
    return this;
  }

  /**
   * Sets the OAuth client at the provider.
   *
   * @param clientId the OAuth client at the provider
   * @return this
   */
  public NewConnection clientId(String clientId) {
    give("client_id", clientId);
    return this;
  }

  /**
   * Sets the OAuth client's secret.
   *
   * @param clientSecret the OAuth client's secret
   * @return this
   */
  public NewConnection clientSecret(String clientSecret) {
    give("client_secret", clientSecret);
    return this;
  }

  /**
   * Sets when the client secret ends at the provider; the server tells of it in time.
   *
   * @param clientSecretExpiresAt when it ends; unless set it does not, or nobody knows
   * @return this
   */
  public NewConnection clientSecretExpiresAt(Instant clientSecretExpiresAt) {
    give("client_secret_expires_at", clientSecretExpiresAt);
    return this;
  }

  /**
   * Sets the scopes to ask for; the connector's unless set.
   *
   * @param scopes the scopes to ask for; the connector's unless set
   * @return this
   */
  public NewConnection scopes(List<String> scopes) {
    give("scopes", scopes);
    return this;
  }

  /**
   * Sets whether the operator-wide OAuth client is used instead of an own one.
   *
   * @param useSharedCredentials whether the operator-wide OAuth client is used instead of an own one
   * @return this
   */
  public NewConnection useSharedCredentials(Boolean useSharedCredentials) {
    give("use_shared_credentials", useSharedCredentials);
    return this;
  }

  /**
   * Sets other base URLs than the connector's.
   *
   * @param overrides other base URLs than the connector's
   * @return this
   */
  public NewConnection overrides(Overrides overrides) {
    give("overrides", overrides);
    return this;
  }

  /**
   * Sets values for the connector's URL templates, such as a tenant.
   *
   * @param variables values for the connector's URL templates, such as a tenant
   * @return this
   */
  public NewConnection variables(Map<String, String> variables) {
    give("variables", variables);
    return this;
  }

  /**
   * Sets what to do when a user authorizes again with another account at the provider: {@code flag} or {@code
   * refuse}.
   *
   * @param identityPolicy {@code flag} or {@code refuse}
   * @return this
   */
  public NewConnection identityPolicy(String identityPolicy) {
    give("identity_policy", identityPolicy);
    return this;
  }

  /**
   * Sets the longest that a call may take, in milliseconds.
   *
   * @param callTimeoutMs the longest that a call may take, in milliseconds
   * @return this
   */
  public NewConnection callTimeoutMs(Integer callTimeoutMs) {
    give("call_timeout_ms", callTimeoutMs);
    return this;
  }

  /**
   * Sets whether it is enabled; it is unless set.
   *
   * @param enabled whether it is enabled; it is unless set
   * @return this
   */
  public NewConnection enabled(Boolean enabled) {
    give("enabled", enabled);
    return this;
  }
}
