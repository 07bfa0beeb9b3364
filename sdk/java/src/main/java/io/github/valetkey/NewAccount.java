package io.github.valetkey;

import java.util.Map;

/** An account to create. */
public final class NewAccount extends Request {
  /**
   * Makes a description of an account without a credential.
   *
   * @param identifier the caller's own id of the user
   * @param connectionName the name (or id) of the connection
   */
  public NewAccount(String identifier, String connectionName) {
    give("identifier", identifier);
    give("connection_name", connectionName);
  }

  /**
   * Sets what tells it apart from other accounts of the user on the connection; most users have one, without a name.
   *
   * @param accountName what tells it apart from other accounts of the user on the connection; most users have one,
   * without a name
   * @return this
   */
  public NewAccount accountName(String accountName) {
    give("account_name", accountName);
    return this;
  }

  /**
   * Sets the caller's own id of the user's organization.
   *
   * @param organizationId the caller's own id of the user's organization
   * @return this
   */
  public NewAccount organizationId(String organizationId) {
    give("organization_id", organizationId);
    return this;
  }

  /**
   * Sets a further id of the caller's.
   *
   * @param userId a further id of the caller's
   * @return this
   */
  public NewAccount userId(String userId) {
    give("user_id", userId);
    return this;
  }

  /**
   * Sets free settings to keep with the account.
   *
   * @param apiConfig free settings to keep with the account
   * @return this
   */
  public NewAccount apiConfig(Map<String, ?> apiConfig) {
    give("api_config", apiConfig);
    return this;
  }

  /**
   * Sets a credential to import; without one the account waits for its user.
   *
   * @param credential a credential to import; without one the account waits for its user
   * @return this
   */
  public NewAccount credential(Credential credential) {
    give("credential", credential);
    return this;
  }

  /**
   * Sets whether imported fields are stored without trying them out.
   *
   * @param skipProbe whether imported fields are stored without trying them out
   * @return this
   */
  public NewAccount skipProbe(Boolean skipProbe) {
    give("skip_probe", skipProbe);
    return this;
  }
}
