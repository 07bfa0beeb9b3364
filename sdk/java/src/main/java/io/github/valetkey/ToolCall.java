package io.github.valetkey;

import java.time.Duration;
import java.util.Map;

/**
 * A call of a tool. Say whose account it is for by {@link #connectedAccountId(String)}, or by {@link
 * #identifier(String)} with or without {@link #connectionName(String)}.
 */
public final class ToolCall extends Request {
  /**
   * Makes a call without input.
   *
   * @param toolName the tool, by its own name or an alias
   */
  public ToolCall(String toolName) {
    give("tool_name", toolName);
  }

  /**
   * Sets what the tool's input schema asks for; an empty object unless set.
   *
   * @param toolInput what the tool's input schema asks for; an empty object unless set
   * @return this
   */
  public ToolCall toolInput(Map<String, ?> toolInput) {
    give("tool_input", toolInput);
    return this;
  }

  /**
   * Sets the account by its id: {@code ca_…}.
   *
   * @param connectedAccountId the account by its id: {@code ca_…}
   * @return this
   */
  public ToolCall connectedAccountId(String connectedAccountId) {
    give("connected_account_id", connectedAccountId);
    return this;
  }

  /**
   * Sets the caller's own id of the user.
   *
   * @param identifier the caller's own id of the user
   * @return this
   */
  public ToolCall identifier(String identifier) {
    give("identifier", identifier);
    return this;
  }

  /**
   * Sets the name of the connection; without it, the one of the tool's connector that has an account of this identifier
   * is taken.
   *
   * @param connectionName the name of the connection; without it, the one of the tool's connector that has an account
   * of this identifier is taken
   * @return this
   */
  public ToolCall connectionName(String connectionName) {
    give("connection_name", connectionName);
    return this;
  }

  /**
   * Sets which of several accounts that the user has on the connection; unless set, the one without a name, else the
   * only one.
   *
   * @param accountName which of several accounts that the user has on the connection; unless set, the one without a
   * name, else the only one
   * @return this
   */
  public ToolCall accountName(String accountName) {
    give("account_name", accountName);
    return this;
  }

  /**
   * Sets the caller's own id of the user's organization.
   *
   * @param organizationId the caller's own id of the user's organization
   * @return this
   */
  public ToolCall organizationId(String organizationId) {
    give("organization_id", organizationId);
    return this;
  }

  /**
   * Sets a further id of the caller's.
   *
   * @param userId a further id of the caller's
   * @return this
   */
  public ToolCall userId(String userId) {
    give("user_id", userId);
    return this;
  }

  /**
   * Sets the caller's own id of an agent run, kept with the execution.
   *
   * @param agentRunId the caller's own id of an agent run, kept with the execution
   * @return this
   */
  public ToolCall agentRunId(String agentRunId) {
    give("agent_run_id", agentRunId);
    return this;
  }

  /**
   * Sets the longest that the call may take at the server, to the millisecond. How long to wait for the server is the
   * client's time-out.
   *
   * @param timeout the longest that the call may take at the server
   * @return this
   */
  public ToolCall timeout(Duration timeout) {
    give("timeout_ms", timeout == null ? null : timeout.toMillis());
    return this;
  }

  /**
   * Sets how old an answer may be that was given before, for a tool that is cacheable; to the second. Unless set, the
   * provider is asked.
   *
   * @param maxAge how old an answer may be
   * @return this
   */
  public ToolCall maxAge(Duration maxAge) {
    give("max_age", maxAge == null ? null : maxAge.toSeconds());
    return this;
  }

  String idempotencyKey;

  /**
   * Makes sure that a call is done once: the same key and the same call give the same answer. Unless set, a fresh key
   * covers the repeats within this call; give one to cover repeats of your own.
   *
   * @param idempotencyKey the key
   * @return this
   */
  public ToolCall idempotencyKey(String idempotencyKey) {
    this.idempotencyKey = idempotencyKey;
    return this;
  }
}
