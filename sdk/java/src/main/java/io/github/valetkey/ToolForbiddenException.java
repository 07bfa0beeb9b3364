package io.github.valetkey;

/** The provider does not allow this call. */
public final class ToolForbiddenException extends ToolException {
  private static final long serialVersionUID = 1L;

  ToolForbiddenException(Fault fault) {
    super(fault);
  }
}
