package io.github.valetkey;

/** Which accounts to list; everything set must fit. */
public final class AccountFilter extends Request {
  /**
   * Makes a filter that lets everything pass.
   */
  public AccountFilter() {
  }

  /**
   * Sets the caller's own id of the user.
   *
   * @param identifier the caller's own id of the user
   * @return this
   */
  public AccountFilter identifier(String identifier) {
    give("identifier", identifier);
    return this;
  }

  /**
   * Sets the name (or id) of the connection.
   *
   * @param connectionName the name (or id) of the connection
   * @return this
   */
  public AccountFilter connectionName(String connectionName) {
    give("connection_name", connectionName);
    return this;
  }

  /**
   * Sets the account's name.
   *
   * @param accountName the account's name
   * @return this
   */
  public AccountFilter accountName(String accountName) {
    give("account_name", accountName);
    return this;
  }

  /**
   * Sets the connector of the connection.
   *
   * @param connector the connector of the connection
   * @return this
   */
  public AccountFilter connector(String connector) {
    give("connector", connector);
    return this;
  }

  /**
   * Sets the status, see {@link AccountStatus}.
   *
   * @param status the status, see {@link AccountStatus}
   * @return this
   */
  public AccountFilter status(String status) {
    give("status", status);
    return this;
  }

  /**
   * Sets the caller's own id of the user's organization.
   *
   * @param organizationId the caller's own id of the user's organization
   * @return this
   */
  public AccountFilter organizationId(String organizationId) {
    give("organization_id", organizationId);
    return this;
  }

  /**
   * Sets a further id of the caller's.
   *
   * @param userId a further id of the caller's
   * @return this
   */
  public AccountFilter userId(String userId) {
    give("user_id", userId);
    return this;
  }

  /**
   * Sets what identifier, label, id, organization or user id must contain, whatever the case.
   *
   * @param query what identifier, label, id, organization or user id must contain, whatever the case
   * @return this
   */
  public AccountFilter query(String query) {
    give("query", query);
    return this;
  }

  /**
   * Sets how many are fetched at once, 1 to 100; 20 unless set.
   *
   * @param pageSize how many are fetched at once, 1 to 100; 20 unless set
   * @return this
   */
  public AccountFilter pageSize(Integer pageSize) {
    give("page_size", pageSize);
    return this;
  }
}
