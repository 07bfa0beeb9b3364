package io.github.valetkey;

/** One thing that was checked. */
public final class ConnectionCheck extends Answer {
  private String item;
  private boolean ok;
  private String detail;
  private String code;

  ConnectionCheck() {}

  /** {@return what: {@code client_credentials}, {@code token_endpoint}, …} */
  public String getItem() {
    return item;
  }

  /** {@return whether it is in order} */
  public boolean isOk() {
    return ok;
  }

  /** {@return what was found, in words} */
  public String getDetail() {
    return detail;
  }

  /** {@return its code of the catalogue if it is not in order, else {@code null}} */
  public String getCode() {
    return code;
  }
}
