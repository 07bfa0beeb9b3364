package io.github.valetkey;

/** The provider refused the credential. */
public final class ToolUnauthorizedException extends ToolException {
  private static final long serialVersionUID = 1L;

  ToolUnauthorizedException(Fault fault) {
    super(fault);
  }
}
