package io.github.valetkey;

/** What a provider said. */
public final class ProviderEvidence extends Answer {
  private Integer status;
  private String code;
  private String message;

  ProviderEvidence() {}

  /** {@return the HTTP status, or {@code null}} */
  public Integer getStatus() {
    return status;
  }

  /** {@return the provider's own code, or {@code null}} */
  public String getCode() {
    return code;
  }

  /** {@return the message in the provider's own words, or {@code null}} */
  public String getMessage() {
    return message;
  }
}
