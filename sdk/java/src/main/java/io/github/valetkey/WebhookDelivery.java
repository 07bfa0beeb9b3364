package io.github.valetkey;

import java.time.Instant;

/** One event on its way to a webhook. */
public final class WebhookDelivery extends Answer {
  private String id;
  private String type;
  private String outcome;
  private int attempts;
  private Instant createdAt;
  private Instant nextAttemptAt;
  private Integer responseStatus;
  private String error;

  WebhookDelivery() {}

  /** {@return the id that it goes out with each time, as {@code webhook-id}} */
  public String getId() {
    return id;
  }

  /** {@return the event's type} */
  public String getType() {
    return type;
  }

  /** {@return what became of it: {@code pending}, {@code delivered} or {@code failed}} */
  public String getOutcome() {
    return outcome;
  }

  /** {@return how often it was sent} */
  public int getAttempts() {
    return attempts;
  }

  /** {@return when the event happened} */
  public Instant getCreatedAt() {
    return createdAt;
  }

  /** {@return when it is sent again, or {@code null}} */
  public Instant getNextAttemptAt() {
    return nextAttemptAt;
  }

  /** {@return the HTTP status that your app answered last, or {@code null}} */
  public Integer getResponseStatus() {
    return responseStatus;
  }

  /** {@return why the last try failed, or {@code null}} */
  public String getError() {
    return error;
  }
}
