package io.github.valetkey;

import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * The calls of {@link Webhooks} as futures. A future fails with what the call throws, a {@link ValetkeyException}; cancelling
 * it ends the call.
 */
public final class AsyncWebhooks {
  private final Webhooks webhooks;
  private final Background background;

  AsyncWebhooks(Webhooks webhooks, Background background) {
    this.webhooks = webhooks;
    this.background = background;
  }

  /**
   * Makes a webhook. Keep its secret: it is not shown again.
   *
   * @param webhook the webhook
   * @return the webhook and its secret
   */
  public CompletableFuture<WebhookSecret> create(NewWebhook webhook) {
    return background.call(() -> webhooks.create(webhook));
  }

  /**
   * Lists all webhooks.
   *
   * @return the webhooks, all of them
   */
  public CompletableFuture<List<Webhook>> list() {
    return background.call(() -> webhooks.list().toList());
  }

  /**
   * Gives a webhook.
   *
   * @param webhookId its id
   * @return the webhook
   */
  public CompletableFuture<Webhook> get(String webhookId) {
    return background.call(() -> webhooks.get(webhookId));
  }

  /**
   * Changes a webhook.
   *
   * @param webhookId its id
   * @param changes what to change
   * @return the webhook as it is now
   */
  public CompletableFuture<Webhook> update(String webhookId, WebhookChanges changes) {
    return background.call(() -> webhooks.update(webhookId, changes));
  }

  /**
   * Deletes a webhook, with what is still on its way to it.
   *
   * @param webhookId its id
   * @return nothing, when it is done
   */
  public CompletableFuture<Void> delete(String webhookId) {
    return background.run(() -> webhooks.delete(webhookId));
  }

  /**
   * Gives a webhook another secret. For a while deliveries are signed with both.
   *
   * @param webhookId its id
   * @return the webhook and its new secret
   */
  public CompletableFuture<WebhookSecret> rotateSecret(String webhookId) {
    return background.call(() -> webhooks.rotateSecret(webhookId));
  }

  /**
   * Sends a {@code webhook.test} event now.
   *
   * @param webhookId its id
   * @return what your app answered
   */
  public CompletableFuture<WebhookDelivery> test(String webhookId) {
    return background.call(() -> webhooks.test(webhookId));
  }

  /**
   * Lists what went out to a webhook, newest first.
   *
   * @param webhookId its id
   * @param filter which deliveries
   * @return the deliveries, all of them
   */
  public CompletableFuture<List<WebhookDelivery>> deliveries(String webhookId, DeliveryFilter filter) {
    return background.call(() -> webhooks.deliveries(webhookId, filter).toList());
  }

  /**
   * Sends a delivery once more, with the same id and body.
   *
   * @param webhookId its id
   * @param deliveryId the id of the delivery
   * @return the delivery
   */
  public CompletableFuture<WebhookDelivery> redeliver(String webhookId, String deliveryId) {
    return background.call(() -> webhooks.redeliver(webhookId, deliveryId));
  }
}
