package io.github.valetkey;

import java.util.List;

/** One thing that is wrong. */
public final class Finding extends Answer {
  private String code;
  private String severity;
  private String confidence;
  private String actor;
  private String message;
  private String cause;
  private List<Evidence> evidence = List.of();
  private List<Remedy> remedies = List.of();
  private String docs;

  Finding() {}

  /** {@return its code of the catalogue} */
  public String getCode() {
    return code;
  }

  /** {@return what it means for the subject: {@code healthy}, {@code degraded} or {@code broken}} */
  public String getSeverity() {
    return severity;
  }

  /** {@return {@code certain}, {@code likely} or {@code possible}} */
  public String getConfidence() {
    return confidence;
  }

  /**
   * {@return who must act: {@code end_user}, {@code developer}, {@code provider_admin}, {@code operator} or {@code
   * nobody}}
   */
  public String getActor() {
    return actor;
  }

  /** {@return what is wrong} */
  public String getMessage() {
    return message;
  }

  /** {@return why} */
  public String getCause() {
    return cause;
  }

  /** {@return what it is concluded from} */
  public List<Evidence> getEvidence() {
    return evidence;
  }

  /** {@return what to do, in order} */
  public List<Remedy> getRemedies() {
    return remedies;
  }

  /** {@return the page that explains the code, or {@code null}} */
  public String getDocs() {
    return docs;
  }
}
