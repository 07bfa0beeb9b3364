package io.github.valetkey;

import java.util.List;

/** A change of a webhook: what is not set stays, what is set to {@code null} is removed. */
public final class WebhookChanges extends Request {
  /**
   * Makes a change of nothing.
   */
  public WebhookChanges() {
  }

  /**
   * Sets the address.
   *
   * @param url the address
   * @return this
   */
  public WebhookChanges url(String url) {
    put("url", url);
    return this;
  }

  /**
   * Sets your own words about it.
   *
   * @param description your own words about it
   * @return this
   */
  public WebhookChanges description(String description) {
    put("description", description);
    return this;
  }

  /**
   * Sets the events that it is told of; {@code null} for all.
   *
   * @param eventTypes the events that it is told of; {@code null} for all
   * @return this
   */
  public WebhookChanges eventTypes(List<String> eventTypes) {
    put("event_types", eventTypes);
    return this;
  }

  /**
   * Sets whether it is told.
   *
   * @param enabled whether it is told
   * @return this
   */
  public WebhookChanges enabled(Boolean enabled) {
    put("enabled", enabled);
    return this;
  }
}
