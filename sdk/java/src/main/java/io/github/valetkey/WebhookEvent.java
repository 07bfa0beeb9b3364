package io.github.valetkey;

import java.time.Instant;
import java.util.Map;

/** What a delivery to your webhook says. See {@link WebhookVerifier}. */
public final class WebhookEvent extends Answer {
  private String id;
  private String type = "";
  private Instant timestamp;
  private String environment;
  private Map<String, Object> data = Map.of();

  WebhookEvent() {}

  WebhookEvent or(String header) {
    id = AccountRef.given(id) ? id : header;
    return this;
  }

  /** {@return its id, the same each time that it is delivered: keep the ids that you have dealt with} */
  public String getId() {
    return id;
  }

  /**
   * {@return its type: {@code account.revoked}, {@code connection.client_refused}, {@code execution.finished}, {@code
   * webhook.test}, …}
   */
  public String getType() {
    return type;
  }

  /** {@return when it happened, or {@code null}} */
  public Instant getTimestamp() {
    return timestamp;
  }

  /** {@return the environment that it happened in, or {@code null}} */
  public String getEnvironment() {
    return environment;
  }

  /** {@return what it is about; its fields depend on the type} */
  public Map<String, Object> getData() {
    return data;
  }
}
