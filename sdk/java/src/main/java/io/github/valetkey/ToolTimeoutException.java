package io.github.valetkey;

/** The provider did not answer in time; the call may have had its effect. */
public final class ToolTimeoutException extends ToolException {
  private static final long serialVersionUID = 1L;

  ToolTimeoutException(Fault fault) {
    super(fault);
  }
}
