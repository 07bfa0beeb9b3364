package io.github.valetkey;

/**
 * The time ran out, on this side ({@link ErrorCodes#TIMEOUT}) or on the server's. What the call was to change may have
 * been changed.
 */
public final class TimeoutException extends ValetkeyException {
  private static final long serialVersionUID = 1L;

  TimeoutException(Fault fault) {
    super(fault);
  }
}
