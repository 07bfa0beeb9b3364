package io.github.valetkey;

/** What became of one call of a batch that goes on in the background: started, or an error. */
public final class BatchStart {
  private final StartedExecution started;
  private final ValetkeyException error;

  BatchStart(StartedExecution started, ValetkeyException error) {
    this.started = started;
    this.error = error;
  }

  /** {@return the call that goes on, or {@code null} if it was not taken on} */
  public StartedExecution getStarted() {
    return started;
  }

  /**
   * {@return why it was not taken on, of the class that {@link Actions#startTool(ToolCall)} would have thrown; {@code
   * null} if it was}
   */
  public ValetkeyException getError() {
    return error;
  }

  /**
   * Gives the call that goes on.
   *
   * @return the call; {@link Actions#waitForExecution(String)} waits for it
   * @throws ValetkeyException the error, if it was not taken on
   */
  public StartedExecution orThrow() {
    if (error != null) {
      throw error;
    }
    return started;
  }

  /** {@return the call or the error, for people} */
  @Override
  public String toString() {
    return "BatchStart(" + (error != null ? error : started) + ")";
  }
}
