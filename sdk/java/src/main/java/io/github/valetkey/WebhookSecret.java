package io.github.valetkey;

import java.time.Instant;

/** A webhook with its secret, which is shown this once. */
public final class WebhookSecret extends Answer {
  private Webhook webhook;
  private String secret;
  private Instant oldSecretValidUntil;

  WebhookSecret() {}

  /** {@return the webhook} */
  public Webhook getWebhook() {
    return webhook;
  }

  /** {@return the secret, {@code whsec_…}, for {@link WebhookVerifier}} */
  public String getSecret() {
    return secret;
  }

  /** {@return until when deliveries are signed with the secret before too; {@code null} for a new webhook} */
  public Instant getOldSecretValidUntil() {
    return oldSecretValidUntil;
  }

  /** {@return the webhook, and no secret} */
  @Override
  public String toString() {
    return "WebhookSecret(" + webhook + ")";
  }
}
