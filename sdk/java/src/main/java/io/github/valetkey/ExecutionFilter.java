package io.github.valetkey;

/** Which executions to list; everything set must fit. */
public final class ExecutionFilter extends Request {
  /**
   * Makes a filter that lets everything pass.
   */
  public ExecutionFilter() {
  }

  /**
   * Sets the account: {@code ca_…}.
   *
   * @param connectedAccountId the account: {@code ca_…}
   * @return this
   */
  public ExecutionFilter connectedAccountId(String connectedAccountId) {
    give("connected_account_id", connectedAccountId);
    return this;
  }

  /**
   * Sets the connection: {@code conn_…}.
   *
   * @param connectionId the connection: {@code conn_…}
   * @return this
   */
  public ExecutionFilter connectionId(String connectionId) {
    give("connection_id", connectionId);
    return this;
  }

  /**
   * Sets the tool.
   *
   * @param toolName the tool
   * @return this
   */
  public ExecutionFilter toolName(String toolName) {
    give("tool_name", toolName);
    return this;
  }

  /**
   * Sets the status, see {@link ExecutionStatus}.
   *
   * @param status the status, see {@link ExecutionStatus}
   * @return this
   */
  public ExecutionFilter status(String status) {
    give("status", status);
    return this;
  }

  /**
   * Sets how many are fetched at once, 1 to 100; 20 unless set.
   *
   * @param pageSize how many are fetched at once, 1 to 100; 20 unless set
   * @return this
   */
  public ExecutionFilter pageSize(Integer pageSize) {
    give("page_size", pageSize);
    return this;
  }
}
