package io.github.valetkey;

/** Access was taken away at the provider. */
public final class AccountRevokedException extends AccountNotActiveException {
  private static final long serialVersionUID = 1L;

  AccountRevokedException(Fault fault) {
    super(fault, AccountStatus.REVOKED);
  }
}
