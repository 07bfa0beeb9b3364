package io.github.valetkey;

/** The request is wrong; {@link #getFields()} name what of it. */
public final class InvalidRequestException extends ValetkeyException {
  private static final long serialVersionUID = 1L;

  InvalidRequestException(Fault fault) {
    super(fault);
  }
}
