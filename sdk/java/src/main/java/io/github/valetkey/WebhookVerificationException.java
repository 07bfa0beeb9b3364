package io.github.valetkey;

/**
 * A request to your webhook is not genuine, not whole or not of now. Answer it with 400 and do nothing. The code tells
 * why: {@code webhook_header_missing}, {@code webhook_header_invalid}, {@code webhook_timestamp_too_old}, {@code
 * webhook_timestamp_too_new}, {@code webhook_signature_invalid}, {@code webhook_payload_invalid}, or, where your own
 * secret is none, {@code webhook_secret_invalid}.
 */
public final class WebhookVerificationException extends ValetkeyException {
  private static final long serialVersionUID = 1L;

  WebhookVerificationException(Fault fault) {
    super(fault);
  }
}
