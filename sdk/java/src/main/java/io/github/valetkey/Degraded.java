package io.github.valetkey;

import java.time.Instant;

/** Renewals of an account's credential fail in passing. */
public final class Degraded extends Answer {
  private String code;
  private Instant since;
  private int failures;
  private Instant retryAt;
  private boolean askedFor;

  Degraded() {}

  /** {@return what the last one failed with, as a code of the catalogue} */
  public String getCode() {
    return code;
  }

  /** {@return since when they fail} */
  public Instant getSince() {
    return since;
  }

  /** {@return how many failed in a row} */
  public int getFailures() {
    return failures;
  }

  /** {@return when the provider is asked again, and not before} */
  public Instant getRetryAt() {
    return retryAt;
  }

  /** {@return whether the provider named that time} */
  public boolean isAskedFor() {
    return askedFor;
  }
}
