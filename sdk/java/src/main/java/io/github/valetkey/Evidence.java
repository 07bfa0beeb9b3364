package io.github.valetkey;

/** One thing that a finding is concluded from. */
public final class Evidence extends Answer {
  private String kind;
  private String ref;
  private String at;
  private String detail;

  Evidence() {}

  /** {@return {@code event}, {@code execution}, {@code probe}, …} */
  public String getKind() {
    return kind;
  }

  /** {@return its id, or {@code null}} */
  public String getRef() {
    return ref;
  }

  /** {@return when it was, in RFC 3339, or {@code null}} */
  public String getAt() {
    return at;
  }

  /** {@return what it says, or {@code null}} */
  public String getDetail() {
    return detail;
  }
}
