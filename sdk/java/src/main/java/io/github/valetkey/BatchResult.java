package io.github.valetkey;

/** What one call of a batch brought: a result or an error. */
public final class BatchResult {
  private final ToolResult result;
  private final ValetkeyException error;

  BatchResult(ToolResult result, ValetkeyException error) {
    this.result = result;
    this.error = error;
  }

  /** {@return what the tool brought, or {@code null} if it brought nothing} */
  public ToolResult getResult() {
    return result;
  }

  /**
   * {@return why it brought nothing, of the class that {@link Actions#executeTool(ToolCall)} would have thrown; {@code
   * null} if it did}
   */
  public ValetkeyException getError() {
    return error;
  }

  /**
   * Gives what the tool brought.
   *
   * @return the result
   * @throws ValetkeyException the error, if it brought nothing
   */
  public ToolResult orThrow() {
    if (error != null) {
      throw error;
    }
    return result;
  }

  /** {@return the result or the error, for people} */
  @Override
  public String toString() {
    return "BatchResult(" + (error != null ? error : result) + ")";
  }
}
