package io.github.valetkey;

/** The account cannot be used as it is. Somebody must act, mostly its user: {@link #getAuthorizationLink()}. */
public class AccountNotActiveException extends ValetkeyException {
  private static final long serialVersionUID = 1L;

  /** The account's status. */
  private final String status;

  AccountNotActiveException(Fault fault, String status) {
    super(fault);
    this.status = status;
  }

  /** {@return the account's status: one of {@link AccountStatus}} */
  public String getStatus() {
    return status;
  }
}
