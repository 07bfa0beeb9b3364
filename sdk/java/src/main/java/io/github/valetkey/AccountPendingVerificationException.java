package io.github.valetkey;

/** The app has not confirmed yet who the user is. */
public final class AccountPendingVerificationException extends AccountNotActiveException {
  private static final long serialVersionUID = 1L;

  AccountPendingVerificationException(Fault fault) {
    super(fault, AccountStatus.PENDING_VERIFICATION);
  }
}
