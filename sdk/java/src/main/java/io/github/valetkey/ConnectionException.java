package io.github.valetkey;

/**
 * The server was not reached, or the connection broke before the answer was there. {@link #getCode()} tells DNS,
 * refusal and TLS apart.
 */
public final class ConnectionException extends ValetkeyException {
  private static final long serialVersionUID = 1L;

  ConnectionException(Fault fault) {
    super(fault);
  }
}
