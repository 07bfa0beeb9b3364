package io.github.valetkey;

/** Base URLs that replace the connector's own; those that are {@code null} do not. */
public final class Overrides extends Answer {
  private String apiBaseUrl;
  private String authorizeUrl;
  private String tokenUrl;
  private String revokeUrl;
  private String userinfoUrl;

  /** Makes overrides of nothing. */
  public Overrides() {}

  /** {@return the base URL of the API, or {@code null}; the credential goes nowhere else} */
  public String getApiBaseUrl() {
    return apiBaseUrl;
  }

  /** {@return the authorization endpoint, or {@code null}} */
  public String getAuthorizeUrl() {
    return authorizeUrl;
  }

  /** {@return the token endpoint, or {@code null}} */
  public String getTokenUrl() {
    return tokenUrl;
  }

  /** {@return the revocation endpoint, or {@code null}} */
  public String getRevokeUrl() {
    return revokeUrl;
  }

  /** {@return the userinfo endpoint, or {@code null}} */
  public String getUserinfoUrl() {
    return userinfoUrl;
  }

  /**
   * Sets the base URL of the API.
   *
   * @param url an http(s) URL
   * @return this
   */
  public Overrides apiBaseUrl(String url) {
    apiBaseUrl = url;
    return this;
  }

  /**
   * Sets the authorization endpoint.
   *
   * @param url an http(s) URL
   * @return this
   */
  public Overrides authorizeUrl(String url) {
    authorizeUrl = url;
    return this;
  }

  /**
   * Sets the token endpoint.
   *
   * @param url an http(s) URL
   * @return this
   */
  public Overrides tokenUrl(String url) {
    tokenUrl = url;
    return this;
  }

  /**
   * Sets the revocation endpoint.
   *
   * @param url an http(s) URL
   * @return this
   */
  public Overrides revokeUrl(String url) {
    revokeUrl = url;
    return this;
  }

  /**
   * Sets the userinfo endpoint.
   *
   * @param url an http(s) URL
   * @return this
   */
  public Overrides userinfoUrl(String url) {
    userinfoUrl = url;
    return this;
  }
}
