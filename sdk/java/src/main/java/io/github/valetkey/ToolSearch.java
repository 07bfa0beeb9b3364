package io.github.valetkey;

/** What tool is looked for. */
public final class ToolSearch extends Request {
  /**
   * Makes a search.
   *
   * @param query what the tool shall do, in words
   */
  public ToolSearch(String query) {
    give("query", query);
  }

  /**
   * Sets the user for whom each tool's connections are told.
   *
   * @param identifier the user for whom each tool's connections are told
   * @return this
   */
  public ToolSearch identifier(String identifier) {
    give("identifier", identifier);
    return this;
  }

  /**
   * Sets how many tools at most, 1 to 100; 10 unless set.
   *
   * @param limit how many tools at most, 1 to 100; 10 unless set
   * @return this
   */
  public ToolSearch limit(Integer limit) {
    give("limit", limit);
    return this;
  }
}
