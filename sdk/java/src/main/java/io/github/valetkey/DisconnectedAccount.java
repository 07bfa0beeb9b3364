package io.github.valetkey;

/** An account that was disconnected. */
public final class DisconnectedAccount extends ConnectedAccount {
  private Revocation revocation;

  DisconnectedAccount() {}

  /** {@return what became of the grant at the provider, or {@code null} if there was none} */
  public Revocation getRevocation() {
    return revocation;
  }
}
