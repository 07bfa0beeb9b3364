package io.github.valetkey;

/** The API token, or the client id and secret, are not accepted. */
public final class UnauthorizedException extends ValetkeyException {
  private static final long serialVersionUID = 1L;

  UnauthorizedException(Fault fault) {
    super(fault);
  }
}
