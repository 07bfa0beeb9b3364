package io.github.valetkey;

/** A tool call that goes on in the background; see {@link Actions#waitForExecution(String)}. */
public final class StartedExecution extends Answer {
  private String executionId;
  private String status;

  StartedExecution() {}

  /** {@return its record: {@code ex_…}} */
  public String getExecutionId() {
    return executionId;
  }

  /** {@return {@code RUNNING}} */
  public String getStatus() {
    return status;
  }
}
