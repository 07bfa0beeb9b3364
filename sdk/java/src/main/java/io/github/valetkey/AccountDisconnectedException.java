package io.github.valetkey;

/** The account was disconnected. */
public final class AccountDisconnectedException extends AccountNotActiveException {
  private static final long serialVersionUID = 1L;

  AccountDisconnectedException(Fault fault) {
    super(fault, AccountStatus.DISCONNECTED);
  }
}
