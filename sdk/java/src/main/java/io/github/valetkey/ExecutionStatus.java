package io.github.valetkey;

/** How an execution may stand. They are texts, since a later server may send others than these. */
public final class ExecutionStatus {
  /** It goes on. */
  public static final String RUNNING = "RUNNING";
  /** It brought an answer. */
  public static final String SUCCEEDED = "SUCCEEDED";
  /** It did not. */
  public static final String FAILED = "FAILED";
  /** The server ended before the outcome was known. */
  public static final String UNKNOWN = "UNKNOWN";

  private ExecutionStatus() {}
}
