package io.github.valetkey;

import java.util.Map;

/** A change of an account: what is not set stays, what is set to {@code null} is removed. */
public final class AccountChanges extends Request {
  /**
   * Makes a change of nothing.
   */
  public AccountChanges() {
  }

  /**
   * Sets the caller's own id of the user's organization.
   *
   * @param organizationId the caller's own id of the user's organization
   * @return this
   */
  public AccountChanges organizationId(String organizationId) {
    put("organization_id", organizationId);
    return this;
  }

  /**
   * Sets a further id of the caller's.
   *
   * @param userId a further id of the caller's
   * @return this
   */
  public AccountChanges userId(String userId) {
    put("user_id", userId);
    return this;
  }

  /**
   * Sets all free settings, in place of those that are kept.
   *
   * @param apiConfig all free settings, in place of those that are kept
   * @return this
   */
  public AccountChanges apiConfig(Map<String, ?> apiConfig) {
    put("api_config", apiConfig);
    return this;
  }

  /**
   * Sets another credential; the account is ACTIVE afterwards.
   *
   * @param credential another credential; the account is ACTIVE afterwards
   * @return this
   */
  public AccountChanges credential(Credential credential) {
    put("credential", credential);
    return this;
  }

  /**
   * Sets whether imported fields are stored without trying them out.
   *
   * @param skipProbe whether imported fields are stored without trying them out
   * @return this
   */
  public AccountChanges skipProbe(Boolean skipProbe) {
    put("skip_probe", skipProbe);
    return this;
  }
}
