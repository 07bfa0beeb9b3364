package io.github.valetkey;

/** What the call is about does not exist, or is not the caller's to see. */
public final class NotFoundException extends ValetkeyException {
  private static final long serialVersionUID = 1L;

  NotFoundException(Fault fault) {
    super(fault);
  }
}
