package io.github.valetkey;

/** The credential ran out and could not be renewed. */
public final class AccountExpiredException extends AccountNotActiveException {
  private static final long serialVersionUID = 1L;

  AccountExpiredException(Fault fault) {
    super(fault, AccountStatus.EXPIRED);
  }
}
