package io.github.valetkey;

import java.time.Instant;
import java.util.List;
import java.util.Map;

/** A change of a connection: what is not set stays, what is set to {@code null} is removed. */
public final class ConnectionChanges extends Request {
  /**
   * Makes a change of nothing.
   */
  public ConnectionChanges() {
  }

  /**
   * Sets the name.
   *
   * @param name the name
   * @return this
   */
  public ConnectionChanges name(String name) {
    put("name", name);
    return this;
  }

  /**
   * Sets the OAuth client at the provider.
   *
   * @param clientId the OAuth client at the provider
   * @return this
   */
  public ConnectionChanges clientId(String clientId) {
    put("client_id", clientId);
    return this;
  }

  /**
   * Sets the OAuth client's secret.
   *
   * @param clientSecret the OAuth client's secret
   * @return this
   */
  public ConnectionChanges clientSecret(String clientSecret) {
    put("client_secret", clientSecret);
    return this;
  }

  /**
   * Sets when the client secret ends at the provider. A new client secret forgets the end of the old one.
   *
   * @param clientSecretExpiresAt when it ends; {@code null} where it does not
   * @return this
   */
  public ConnectionChanges clientSecretExpiresAt(Instant clientSecretExpiresAt) {
    put("client_secret_expires_at", clientSecretExpiresAt);
    return this;
  }

  /**
   * Sets the scopes to ask for; the connector's unless set.
   *
   * @param scopes the scopes to ask for; the connector's unless set
   * @return this
   */
  public ConnectionChanges scopes(List<String> scopes) {
    put("scopes", scopes);
    return this;
  }

  /**
   * Sets whether the operator-wide OAuth client is used instead of an own one.
   *
   * @param useSharedCredentials whether the operator-wide OAuth client is used instead of an own one
   * @return this
   */
  public ConnectionChanges useSharedCredentials(Boolean useSharedCredentials) {
    put("use_shared_credentials", useSharedCredentials);
    return this;
  }

  /**
   * Sets other base URLs than the connector's.
   *
   * @param overrides other base URLs than the connector's
   * @return this
   */
  public ConnectionChanges overrides(Overrides overrides) {
    put("overrides", overrides);
    return this;
  }

  /**
   * Sets values for the connector's URL templates, such as a tenant.
   *
   * @param variables values for the connector's URL templates, such as a tenant
   * @return this
   */
  public ConnectionChanges variables(Map<String, String> variables) {
    put("variables", variables);
    return this;
  }

  /**
   * Sets what to do when a user authorizes again with another account at the provider: {@code flag} or {@code
   * refuse}.
   *
   * @param identityPolicy {@code flag} or {@code refuse}
   * @return this
   */
  public ConnectionChanges identityPolicy(String identityPolicy) {
    put("identity_policy", identityPolicy);
    return this;
  }

  /**
   * Sets the longest that a call may take, in milliseconds.
   *
   * @param callTimeoutMs the longest that a call may take, in milliseconds
   * @return this
   */
  public ConnectionChanges callTimeoutMs(Integer callTimeoutMs) {
    put("call_timeout_ms", callTimeoutMs);
    return this;
  }

  /**
   * Sets whether it is enabled.
   *
   * @param enabled whether it is enabled
   * @return this
   */
  public ConnectionChanges enabled(Boolean enabled) {
    put("enabled", enabled);
    return this;
  }
}
