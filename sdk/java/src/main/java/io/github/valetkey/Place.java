package io.github.valetkey;

/** A site, company or workspace at the provider. */
public final class Place extends Answer {
  private String id;
  private String name;
  private String url;

  Place() {}

  /** {@return the provider's id of it} */
  public String getId() {
    return id;
  }

  /** {@return its name; may be {@code null}} */
  public String getName() {
    return name;
  }

  /** {@return its address for people; may be {@code null}} */
  public String getUrl() {
    return url;
  }
}
