package io.github.valetkey;

import java.util.List;

/** What an authorization link shall do beside authorizing. */
public final class LinkOptions extends Request {
  /**
   * Makes options of which none is set.
   */
  public LinkOptions() {
  }

  /**
   * Sets the scopes to ask for, fewer than the connection's.
   *
   * @param scopes the scopes to ask for, fewer than the connection's
   * @return this
   */
  public LinkOptions scopes(List<String> scopes) {
    give("scopes", scopes);
    return this;
  }

  /**
   * Sets the scopes to ask for besides the connection's and those that the account has.
   *
   * @param addScopes the scopes to ask for besides the connection's and those that the account has
   * @return this
   */
  public LinkOptions addScopes(List<String> addScopes) {
    give("add_scopes", addScopes);
    return this;
  }

  /**
   * Sets where the user goes afterwards, so that the app can confirm who it is: see {@link
   * Actions#verifyConnectedAccountUser(String, String)}.
   *
   * @param userVerifyUrl where the user goes afterwards, so that the app can confirm who it is: see {@link
   * Actions#verifyConnectedAccountUser(String, String)}
   * @return this
   */
  public LinkOptions userVerifyUrl(String userVerifyUrl) {
    give("user_verify_url", userVerifyUrl);
    return this;
  }

  /**
   * Sets what is handed through to the user verify URL untouched.
   *
   * @param state what is handed through to the user verify URL untouched
   * @return this
   */
  public LinkOptions state(String state) {
    give("state", state);
    return this;
  }

  /**
   * Sets the caller's own id of the user's organization, for an account that the link makes.
   *
   * @param organizationId the caller's own id of the user's organization, for an account that the link makes
   * @return this
   */
  public LinkOptions organizationId(String organizationId) {
    give("organization_id", organizationId);
    return this;
  }

  /**
   * Sets a further id of the caller's, for an account that the link makes.
   *
   * @param userId a further id of the caller's, for an account that the link makes
   * @return this
   */
  public LinkOptions userId(String userId) {
    give("user_id", userId);
    return this;
  }
}
