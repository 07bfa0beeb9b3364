package io.github.valetkey;

/** The provider takes no more calls for {@link #getRetryAfter()}. */
public final class ToolRateLimitedException extends ToolException {
  private static final long serialVersionUID = 1L;

  ToolRateLimitedException(Fault fault) {
    super(fault);
  }
}
