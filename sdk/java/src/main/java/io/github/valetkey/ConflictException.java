package io.github.valetkey;

/** The present state does not allow this. */
public final class ConflictException extends ValetkeyException {
  private static final long serialVersionUID = 1L;

  ConflictException(Fault fault) {
    super(fault);
  }
}
