package io.github.valetkey;

import java.util.List;

/**
 * What is to be diagnosed: an account by its id or by identifier and connection name, a call by its execution, or a
 * connection by its name alone.
 */
public final class DiagnosisRequest extends Request {
  /**
   * Makes a request that names nothing yet.
   */
  public DiagnosisRequest() {
  }

  /**
   * Sets the account by its id: {@code ca_…}.
   *
   * @param connectedAccountId the account by its id: {@code ca_…}
   * @return this
   */
  public DiagnosisRequest connectedAccountId(String connectedAccountId) {
    give("connected_account_id", connectedAccountId);
    return this;
  }

  /**
   * Sets the caller's own id of the user.
   *
   * @param identifier the caller's own id of the user
   * @return this
   */
  public DiagnosisRequest identifier(String identifier) {
    give("identifier", identifier);
    return this;
  }

  /**
   * Sets the name (or id) of the connection.
   *
   * @param connectionName the name (or id) of the connection
   * @return this
   */
  public DiagnosisRequest connectionName(String connectionName) {
    give("connection_name", connectionName);
    return this;
  }

  /**
   * Sets which of several accounts that the user has on the connection; unless set, the one without a name, else the
   * only one.
   *
   * @param accountName which of several accounts that the user has on the connection; unless set, the one without a
   * name, else the only one
   * @return this
   */
  public DiagnosisRequest accountName(String accountName) {
    give("account_name", accountName);
    return this;
  }

  /**
   * Sets the call: {@code ex_…}.
   *
   * @param executionId the call: {@code ex_…}
   * @return this
   */
  public DiagnosisRequest executionId(String executionId) {
    give("execution_id", executionId);
    return this;
  }

  /**
   * Sets whether to ask the provider as well, with a call that changes nothing; the server decides unless set.
   *
   * @param probe whether to ask the provider as well, with a call that changes nothing; the server decides unless set
   * @return this
   */
  public DiagnosisRequest probe(Boolean probe) {
    give("probe", probe);
    return this;
  }

  /**
   * Sets the redirect URIs that the provider's console shows; a difference is found then.
   *
   * @param registeredRedirectUris the redirect URIs that the provider's console shows
   * @return this
   */
  public DiagnosisRequest registeredRedirectUris(List<String> registeredRedirectUris) {
    give("registered_redirect_uris", registeredRedirectUris);
    return this;
  }
}
