package io.github.valetkey;

/** Which tools to list; everything set must fit. */
public final class ToolFilter extends Request {
  /**
   * Makes a filter that lets everything pass.
   */
  public ToolFilter() {
  }

  /**
   * Sets the connector.
   *
   * @param connector the connector
   * @return this
   */
  public ToolFilter connector(String connector) {
    give("connector", connector);
    return this;
  }

  /**
   * Sets a connection of the connector.
   *
   * @param connectionName a connection of the connector
   * @return this
   */
  public ToolFilter connectionName(String connectionName) {
    give("connection_name", connectionName);
    return this;
  }

  /**
   * Sets a user who has an account for it.
   *
   * @param identifier a user who has an account for it
   * @return this
   */
  public ToolFilter identifier(String identifier) {
    give("identifier", identifier);
    return this;
  }

  /**
   * Sets words that must occur.
   *
   * @param query words that must occur
   * @return this
   */
  public ToolFilter query(String query) {
    give("query", query);
    return this;
  }

  /**
   * Sets how many are fetched at once, 1 to 100; 20 unless set.
   *
   * @param pageSize how many are fetched at once, 1 to 100; 20 unless set
   * @return this
   */
  public ToolFilter pageSize(Integer pageSize) {
    give("page_size", pageSize);
    return this;
  }
}
