package io.github.valetkey;

import java.util.List;
import java.util.Map;

/** The answer to "why does it not work". */
public final class Diagnosis extends Answer {
  private Map<String, Object> subject = Map.of();
  private String verdict;
  private String summary;
  private List<Finding> findings = List.of();
  private List<DiagnosisStep> steps = List.of();

  Diagnosis() {}

  /** {@return what was looked at} */
  public Map<String, Object> getSubject() {
    return subject;
  }

  /** {@return {@code healthy}, {@code degraded} or {@code broken}} */
  public String getVerdict() {
    return verdict;
  }

  /** {@return the answer in prose} */
  public String getSummary() {
    return summary;
  }

  /** {@return what is wrong, the weightiest first} */
  public List<Finding> getFindings() {
    return findings;
  }

  /** {@return what was looked at, step by step} */
  public List<DiagnosisStep> getSteps() {
    return steps;
  }
}
