package io.github.valetkey;

/** The user has not authorized the account yet. */
public final class AccountPendingException extends AccountNotActiveException {
  private static final long serialVersionUID = 1L;

  AccountPendingException(Fault fault) {
    super(fault, AccountStatus.PENDING);
  }
}
