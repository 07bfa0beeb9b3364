package io.github.valetkey;

/**
 * Which account: by its id, or by identifier and connection name.
 *
 * @param connectedAccountId the account's id, {@code ca_…}, or {@code null}
 * @param identifier the caller's own id of the user, or {@code null}
 * @param connectionName the name (or id) of the connection, or {@code null}
 * @param accountName which of several accounts that the user has on the connection; {@code null}: the one without a
 *     name, else the only one, else the call fails with a {@link ConflictException} ({@code ambiguous_account})
 */
public record AccountRef(String connectedAccountId, String identifier, String connectionName, String accountName) {
  /**
   * Refers to an account by its id.
   *
   * @param connectedAccountId the account's id: {@code ca_…}
   * @return the reference
   */
  public static AccountRef id(String connectedAccountId) {
    return new AccountRef(connectedAccountId, null, null, null);
  }

  /**
   * Refers to a user's account on a connection.
   *
   * @param identifier the caller's own id of the user
   * @param connectionName the name (or id) of the connection
   * @return the reference
   */
  public static AccountRef of(String identifier, String connectionName) {
    return new AccountRef(null, identifier, connectionName, null);
  }

  /**
   * Refers to one of several accounts that a user has on a connection.
   *
   * @param identifier the caller's own id of the user
   * @param connectionName the name (or id) of the connection
   * @param accountName the name of the account
   * @return the reference
   */
  public static AccountRef of(String identifier, String connectionName, String accountName) {
    return new AccountRef(null, identifier, connectionName, accountName);
  }

  boolean byId() {
    return given(connectedAccountId);
  }

  boolean names() {
    return given(connectedAccountId) || given(identifier) || given(connectionName) || given(accountName);
  }

  static boolean given(String text) {
    return text != null && !text.isEmpty();
  }

  /** Finds what is missing or too much. */
  void check() {
    boolean user = given(identifier);
    boolean connection = given(connectionName);
    if (byId() && (user || connection || given(accountName))) {
      throw Failures.invalidArgument(
          "The account is named in two ways: give connected_account_id, or identifier and connection_name.",
          "connected_account_id");
    }
    if (byId()) {
      return;
    }
    if (!user && !connection) {
      throw Failures.invalidArgument(
          "No account is named: give connected_account_id, or identifier and connection_name.", "connected_account_id");
    }
    if (!user) {
      throw Failures.invalidArgument(
          "The account is half named: identifier is missing beside connection_name.", "identifier");
    }
    if (!connection) {
      throw Failures.invalidArgument(
          "The account is half named: connection_name is missing beside identifier.", "connection_name");
    }
  }
}
