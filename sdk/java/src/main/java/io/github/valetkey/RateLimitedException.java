package io.github.valetkey;

/** The server takes no more calls for {@link #getRetryAfter()}. */
public final class RateLimitedException extends ValetkeyException {
  private static final long serialVersionUID = 1L;

  RateLimitedException(Fault fault) {
    super(fault);
  }
}
