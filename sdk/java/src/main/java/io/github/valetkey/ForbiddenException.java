package io.github.valetkey;

/** The caller may not do this. */
public class ForbiddenException extends ValetkeyException {
  private static final long serialVersionUID = 1L;

  ForbiddenException(Fault fault) {
    super(fault);
  }
}
