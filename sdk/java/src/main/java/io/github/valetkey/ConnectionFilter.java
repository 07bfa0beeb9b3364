package io.github.valetkey;

/** Which connections to list; everything set must fit. */
public final class ConnectionFilter extends Request {
  /**
   * Makes a filter that lets everything pass.
   */
  public ConnectionFilter() {
  }

  /**
   * Sets the connector.
   *
   * @param connector the connector
   * @return this
   */
  public ConnectionFilter connector(String connector) {
    give("connector", connector);
    return this;
  }

  /**
   * Sets what the name must contain, whatever the case.
   *
   * @param query what the name must contain, whatever the case
   * @return this
   */
  public ConnectionFilter query(String query) {
    give("query", query);
    return this;
  }

  /**
   * Sets how many are fetched at once, 1 to 100; 20 unless set.
   *
   * @param pageSize how many are fetched at once, 1 to 100; 20 unless set
   * @return this
   */
  public ConnectionFilter pageSize(Integer pageSize) {
    give("page_size", pageSize);
    return this;
  }
}
