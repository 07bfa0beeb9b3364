package io.github.valetkey;

/** One thing to do about an error or a finding. */
public final class Remedy extends Answer {
  private String action;
  private String text;
  private String url;

  Remedy() {}

  /** {@return the kind of step: {@code reauthorize}, {@code configure_connection}, {@code wait}, …} */
  public String getAction() {
    return action;
  }

  /** {@return the step in words} */
  public String getText() {
    return text;
  }

  /**
   * {@return the address that performs or explains the step, or {@code null}. It may be an authorization link, which is
   * a secret}
   */
  public String getUrl() {
    return url;
  }

  static Remedy of(String action, String text, String url) {
    Remedy remedy = new Remedy();
    remedy.action = action;
    remedy.text = text;
    remedy.url = url;
    return remedy;
  }

  /** {@return the step in words, without its address} */
  @Override
  public String toString() {
    return action + ": " + text;
  }
}
