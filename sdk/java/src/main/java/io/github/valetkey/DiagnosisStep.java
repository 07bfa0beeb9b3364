package io.github.valetkey;

/** One thing that was looked at. */
public final class DiagnosisStep extends Answer {
  private String name;
  private String outcome;
  private String detail;

  DiagnosisStep() {}

  /** {@return what} */
  public String getName() {
    return name;
  }

  /** {@return how it went} */
  public String getOutcome() {
    return outcome;
  }

  /** {@return what was seen, or {@code null}} */
  public String getDetail() {
    return detail;
  }
}
