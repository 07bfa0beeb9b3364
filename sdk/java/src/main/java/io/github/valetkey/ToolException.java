package io.github.valetkey;

/**
 * The provider refused or failed a call; {@link #getExecutionId()} is its record, {@link #getProvider()} what the
 * provider said.
 */
public class ToolException extends ValetkeyException {
  private static final long serialVersionUID = 1L;

  ToolException(Fault fault) {
    super(fault);
  }
}
