package io.github.valetkey;

import java.util.Map;

/**
 * Addresses of your app that are told of events. See {@link ValetkeyClient#webhooks()}; {@link WebhookVerifier} verifies what
 * they receive.
 */
public final class Webhooks {
  private static final String WEBHOOKS = "/v1/connect/webhooks";

  private final Core core;

  Webhooks(Core core) {
    this.core = core;
  }

  /**
   * Makes a webhook. Keep its secret: it is not shown again.
   *
   * @param webhook the webhook
   * @return the webhook and its secret
   * @throws InvalidRequestException if the address cannot be used
   */
  public WebhookSecret create(NewWebhook webhook) {
    return core.send(Core.Call.of("POST", WEBHOOKS).json(webhook.fields()), WebhookSecret.class);
  }

  /**
   * Lists all webhooks.
   *
   * @return the webhooks, fetched as one goes on
   */
  public Listing<Webhook> list() {
    return Pages.list(core, () -> WEBHOOKS, Map.of(), Webhook.class);
  }

  /**
   * Gives a webhook.
   *
   * @param webhookId its id
   * @return the webhook
   * @throws NotFoundException ({@code webhook_not_found}) if there is none
   */
  public Webhook get(String webhookId) {
    return core.send(Core.Call.of("GET", path(webhookId, "")), Webhook.class);
  }

  /**
   * Changes a webhook.
   *
   * @param webhookId its id
   * @param changes what to change
   * @return the webhook as it is now
   * @throws NotFoundException ({@code webhook_not_found}) if there is none
   */
  public Webhook update(String webhookId, WebhookChanges changes) {
    return core.send(Core.Call.of("PATCH", path(webhookId, "")).json(changes.fields()), Webhook.class);
  }

  /**
   * Deletes a webhook, with what is still on its way to it.
   *
   * @param webhookId its id
   * @throws NotFoundException ({@code webhook_not_found}) if there is none
   */
  public void delete(String webhookId) {
    core.repeat(Core.Call.of("DELETE", path(webhookId, "")), core.deadline());
  }

  /**
   * Gives a webhook another secret. For a while deliveries are signed with both.
   *
   * @param webhookId its id
   * @return the webhook and its new secret
   * @throws NotFoundException ({@code webhook_not_found}) if there is none
   */
  public WebhookSecret rotateSecret(String webhookId) {
    return core.send(Core.Call.of("POST", path(webhookId, "/rotate-secret")), WebhookSecret.class);
  }

  /**
   * Sends a {@code webhook.test} event now.
   *
   * @param webhookId its id
   * @return what your app answered
   * @throws NotFoundException ({@code webhook_not_found}) if there is none
   */
  public WebhookDelivery test(String webhookId) {
    return core.send(Core.Call.of("POST", path(webhookId, "/test")), WebhookDelivery.class);
  }

  /**
   * Lists what went out to a webhook, newest first.
   *
   * @param webhookId its id
   * @param filter which deliveries
   * @return the deliveries, fetched as one goes on
   */
  public Listing<WebhookDelivery> deliveries(String webhookId, DeliveryFilter filter) {
    return Pages.list(core, () -> path(webhookId, "/deliveries"), filter.fields(), WebhookDelivery.class);
  }

  /**
   * Sends a delivery once more, with the same id and body.
   *
   * @param webhookId its id
   * @param deliveryId the id of the delivery
   * @return the delivery
   * @throws NotFoundException if there is none, or not any more
   */
  public WebhookDelivery redeliver(String webhookId, String deliveryId) {
    return core.send(
        Core.Call.of(
            "POST", path(webhookId, "/deliveries/" + Encoding.segment("delivery_id", deliveryId) + "/redeliver")),
        WebhookDelivery.class);
  }

  private static String path(String webhookId, String below) {
    return WEBHOOKS + "/" + Encoding.segment("webhook_id", webhookId) + below;
  }
}
