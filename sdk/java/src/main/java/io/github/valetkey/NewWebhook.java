package io.github.valetkey;

import java.util.List;

/** A webhook to create. */
public final class NewWebhook extends Request {
  /**
   * Makes a description of a webhook.
   *
   * @param url an HTTPS address of your app
   */
  public NewWebhook(String url) {
    give("url", url);
  }

  /**
   * Sets your own words about it.
   *
   * @param description your own words about it
   * @return this
   */
  public NewWebhook description(String description) {
    give("description", description);
    return this;
  }

  /**
   * Sets the events that it is told of, such as {@code account.revoked}; all unless set.
   *
   * @param eventTypes the events that it is told of, such as {@code account.revoked}; all unless set
   * @return this
   */
  public NewWebhook eventTypes(List<String> eventTypes) {
    give("event_types", eventTypes);
    return this;
  }

  /**
   * Sets whether it is told; it is unless set.
   *
   * @param enabled whether it is told; it is unless set
   * @return this
   */
  public NewWebhook enabled(Boolean enabled) {
    give("enabled", enabled);
    return this;
  }
}
