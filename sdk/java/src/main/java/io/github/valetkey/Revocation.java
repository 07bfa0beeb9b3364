package io.github.valetkey;

import java.time.Instant;
import java.util.List;

/** What became of a grant at the provider. */
public final class Revocation extends Answer {
  private String outcome;
  private List<String> tokens = List.of();
  private List<String> siblings = List.of();
  private String code;
  private String detail;
  private Instant retryAt;

  Revocation() {}

  /**
   * {@return {@code revoked_and_verified}, {@code revoked}, {@code not_offered}, {@code kept_for_siblings}, {@code
   * failed_will_retry} or {@code given_up}}
   */
  public String getOutcome() {
    return outcome;
  }

  /** {@return the kinds of tokens that the provider took back} */
  public List<String> getTokens() {
    return tokens;
  }

  /** {@return the accounts for whose sake the grant was kept} */
  public List<String> getSiblings() {
    return siblings;
  }

  /** {@return what a try failed with, as a code of the catalogue, or {@code null}} */
  public String getCode() {
    return code;
  }

  /** {@return the case in words, or {@code null} if there is no more to say} */
  public String getDetail() {
    return detail;
  }

  /** {@return when it is tried again, or {@code null}} */
  public Instant getRetryAt() {
    return retryAt;
  }
}
