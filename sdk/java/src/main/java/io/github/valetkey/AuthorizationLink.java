package io.github.valetkey;

import java.time.Instant;

/** A link to send to a user. It works once, in the browser that goes on with it. */
public final class AuthorizationLink extends Answer {
  private String link;
  private Instant expiresAt;
  private ConnectedAccount account;

  AuthorizationLink() {}

  /** {@return the address to open. Who holds it can connect an account: treat it as a secret} */
  public String getLink() {
    return link;
  }

  /** {@return when it stops working} */
  public Instant getExpiresAt() {
    return expiresAt;
  }

  /** {@return the account that it is for} */
  public ConnectedAccount getAccount() {
    return account;
  }

  /** {@return the account and the end of the link's life, not the link itself} */
  @Override
  public String toString() {
    return "AuthorizationLink{link=[redacted], expires_at=" + expiresAt + ", account=" + account + "}";
  }
}
