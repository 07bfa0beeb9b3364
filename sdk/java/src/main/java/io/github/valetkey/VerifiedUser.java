package io.github.valetkey;

/** A confirmed user. */
public final class VerifiedUser extends Answer {
  private ConnectedAccount account;
  private String postUserVerifyRedirectUrl;

  VerifiedUser() {}

  /** {@return the account, now ACTIVE} */
  public ConnectedAccount getAccount() {
    return account;
  }

  /** {@return where to send the user's browser next} */
  public String getPostUserVerifyRedirectUrl() {
    return postUserVerifyRedirectUrl;
  }
}
