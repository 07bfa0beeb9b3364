package io.github.valetkey;

/** One thing that could not be checked. */
public final class UncheckedItem extends Answer {
  private String item;
  private String reason;

  UncheckedItem() {}

  /** {@return what} */
  public String getItem() {
    return item;
  }

  /** {@return why not, and how to find out} */
  public String getReason() {
    return reason;
  }
}
