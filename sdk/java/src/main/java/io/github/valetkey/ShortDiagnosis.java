package io.github.valetkey;

/** What a diagnosis says in short. */
public final class ShortDiagnosis extends Answer {
  private String verdict;
  private String code;
  private String actor;
  private String summary;

  ShortDiagnosis() {}

  /**
   * {@return {@code healthy}, {@code degraded} or {@code broken}; broken: the same call fails again until somebody has
   * acted}
   */
  public String getVerdict() {
    return verdict;
  }

  /** {@return the code of the first finding} */
  public String getCode() {
    return code;
  }

  /**
   * {@return who must act: {@code end_user}, {@code developer}, {@code provider_admin}, {@code operator} or {@code
   * nobody}}
   */
  public String getActor() {
    return actor;
  }

  /** {@return the answer in prose} */
  public String getSummary() {
    return summary;
  }
}
