package io.github.valetkey;

import java.time.Instant;
import java.util.List;

/** An address of your app that is told of events. */
public final class Webhook extends Answer {
  private String id;
  private String url;
  private String description;
  private List<String> eventTypes = List.of();
  private boolean enabled;
  private String status;
  private Instant createdAt;
  private Instant updatedAt;
  private Instant failingSince;
  private Instant lastDeliveryAt;
  private String lastError;
  private String disabledReason;

  Webhook() {}

  /** {@return its id: {@code wh_…}} */
  public String getId() {
    return id;
  }

  /** {@return the address that is told} */
  public String getUrl() {
    return url;
  }

  /** {@return your own words about it, or {@code null}} */
  public String getDescription() {
    return description;
  }

  /** {@return the events that it is told of; empty means all} */
  public List<String> getEventTypes() {
    return eventTypes;
  }

  /** {@return whether it is told} */
  public boolean isEnabled() {
    return enabled;
  }

  /** {@return how it stands: {@code healthy}, {@code failing} or {@code disabled}} */
  public String getStatus() {
    return status;
  }

  /** {@return when it was made} */
  public Instant getCreatedAt() {
    return createdAt;
  }

  /** {@return when it last changed} */
  public Instant getUpdatedAt() {
    return updatedAt;
  }

  /** {@return since when every delivery fails, or {@code null}} */
  public Instant getFailingSince() {
    return failingSince;
  }

  /** {@return when it last took a delivery, or {@code null}} */
  public Instant getLastDeliveryAt() {
    return lastDeliveryAt;
  }

  /** {@return what the last failed delivery failed with, or {@code null}} */
  public String getLastError() {
    return lastError;
  }

  /** {@return why it is disabled, or {@code null}} */
  public String getDisabledReason() {
    return disabledReason;
  }
}
