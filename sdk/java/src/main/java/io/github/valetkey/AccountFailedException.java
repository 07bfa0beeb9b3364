package io.github.valetkey;

/** Authorizing failed for a reason that is not the user's; the account's events say which. */
public final class AccountFailedException extends AccountNotActiveException {
  private static final long serialVersionUID = 1L;

  AccountFailedException(Fault fault) {
    super(fault, AccountStatus.ERROR);
  }
}
