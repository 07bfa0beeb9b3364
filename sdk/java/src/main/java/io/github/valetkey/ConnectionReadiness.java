package io.github.valetkey;

/** How a tool stands with one connection. */
public final class ConnectionReadiness extends Answer {
  private String connectionName;
  private String state;
  private String connectedAccountId;
  private String accountName;

  ConnectionReadiness() {}

  /** {@return the name of the connection} */
  public String getConnectionName() {
    return connectionName;
  }

  /** {@return {@code READY}, {@code NEEDS_CONNECTION} or {@code NEEDS_REAUTH}} */
  public String getState() {
    return state;
  }

  /** {@return the user's account on it, or {@code null}} */
  public String getConnectedAccountId() {
    return connectedAccountId;
  }

  /** {@return what tells that account apart from others of the user on the connection, or {@code null}} */
  public String getAccountName() {
    return accountName;
  }
}
