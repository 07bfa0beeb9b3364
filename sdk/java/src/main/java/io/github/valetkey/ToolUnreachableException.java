package io.github.valetkey;

/** The server found no way to the provider. */
public final class ToolUnreachableException extends ToolException {
  private static final long serialVersionUID = 1L;

  ToolUnreachableException(Fault fault) {
    super(fault);
  }
}
