package io.github.valetkey;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Verifies requests to your webhook (Standard Webhooks 1.0). Make one and keep it; many threads may use it.
 *
 * <pre>{@code
 * WebhookEvent event = new WebhookVerifier(secret).verify(request::getHeader, body);
 * }</pre>
 */
public final class WebhookVerifier {
  private final byte[] key;
  private final Duration tolerance;
  private final InstantSource clock;

  /**
   * Makes a verifier that allows five minutes between sending and now.
   *
   * @param secret {@code whsec_…}, as it was given when the webhook was made or its secret renewed
   * @throws WebhookVerificationException ({@code webhook_secret_invalid}) if it is none
   */
  public WebhookVerifier(String secret) {
    this(secret, Duration.ofMinutes(5), InstantSource.system());
  }

  /**
   * Makes a verifier with a time of its own.
   *
   * @param secret {@code whsec_…}, as it was given when the webhook was made or its secret renewed
   * @param tolerance how far the time of sending may be from now, before or after
   * @param clock says what is now
   * @throws WebhookVerificationException ({@code webhook_secret_invalid}) if the secret is none
   */
  public WebhookVerifier(String secret, Duration tolerance, InstantSource clock) {
    key = decoded(secret.strip().replaceFirst("^whsec_", ""));
    if (key.length == 0) {
      throw refused(
          ErrorCodes.WEBHOOK_SECRET_INVALID,
          "The webhook's secret is none.",
          "A secret is whsec_ and base64.",
          "Take it over whole, as it was shown when the webhook was made.");
    }
    this.tolerance = tolerance;
    this.clock = clock;
  }

  /**
   * Verifies a request and gives the event in it.
   *
   * @param headers of the request, whatever the case of their names, each with its values
   * @param payload the body as it came, before anything has parsed it: the signature is over its bytes
   * @return the event
   * @throws WebhookVerificationException if the request is not to be trusted
   */
  public WebhookEvent verify(Map<String, List<String>> headers, byte[] payload) {
    return verify(
        name ->
            headers.entrySet().stream()
                .filter(header -> name.equalsIgnoreCase(header.getKey()) && !header.getValue().isEmpty())
                .map(header -> header.getValue().get(0))
                .findFirst()
                .orElse(null),
        payload);
  }

  /**
   * Verifies a request and gives the event in it.
   *
   * @param header gives a header of the request by its name, or {@code null}, as {@code request::getHeader} does
   * @param payload the body as it came, before anything has parsed it: the signature is over its bytes
   * @return the event
   * @throws WebhookVerificationException if the request is not to be trusted
   */
  public WebhookEvent verify(Function<String, String> header, byte[] payload) {
    String id = present(header, "webhook-id");
    String sent = present(header, "webhook-timestamp");
    String signatures = present(header, "webhook-signature");
    checkTime(sent);
    byte[] wanted = signature(id + "." + sent + ".", payload);
    // Every one is compared, so that time tells nothing.
    boolean fits = false;
    for (String part : signatures.split(" ")) {
      fits |= part.startsWith("v1,") && MessageDigest.isEqual(wanted, decoded(part.substring(3)));
    }
    if (!fits) {
      throw refused(
          ErrorCodes.WEBHOOK_SIGNATURE_INVALID,
          "No signature of the webhook fits.",
          "The body was altered on its way or by a parser here, or it was signed with another secret.",
          "Verify the body's bytes as they came; compare the secret with the webhook's.");
    }
    return event(payload).or(id);
  }

  private static String present(Function<String, String> header, String name) {
    String value = header.apply(name);
    if (!AccountRef.given(value)) {
      throw refused(
          ErrorCodes.WEBHOOK_HEADER_MISSING,
          "The request has no header " + name + ".",
          "It does not come from Valetkey, or something in between took the header away.",
          "Hand over all headers of the request; let what is in front of your app pass them.");
    }
    return value;
  }

  private void checkTime(String sent) {
    if (!sent.matches("[0-9]{1,12}")) {
      throw refused(
          ErrorCodes.WEBHOOK_HEADER_INVALID,
          "The header webhook-timestamp is no time.",
          "It must be whole seconds since 1970.",
          "Hand the header over as it came.");
    }
    Duration age = Duration.between(Instant.ofEpochSecond(Long.parseLong(sent)), clock.instant());
    if (age.abs().compareTo(tolerance) <= 0) {
      return;
    }
    boolean old = !age.isNegative();
    throw refused(
        old ? ErrorCodes.WEBHOOK_TOO_OLD : ErrorCodes.WEBHOOK_TOO_NEW,
        String.format(
            "The webhook was sent %d s %s; %d s are allowed.",
            age.abs().toSeconds(), old ? "ago" : "from now", tolerance.toSeconds()),
        "It was held up or recorded and sent again, or a clock is wrong.",
        "Check this machine's clock; a delivery that comes again has a time of its own.");
  }

  private byte[] signature(String prefix, byte[] payload) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(key, "HmacSHA256"));
      mac.update(prefix.getBytes(StandardCharsets.UTF_8));
      return mac.doFinal(payload);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java platform has HmacSHA256", e);
    }
  }

  private static WebhookEvent event(byte[] payload) {
    JsonNode body = Json.tree(payload);
    if (body != null && body.isObject()) {
      try {
        return Json.MAPPER.treeToValue(body, WebhookEvent.class);
      } catch (JsonProcessingException e) {
        // Said below.
      }
    }
    throw refused(
        ErrorCodes.WEBHOOK_PAYLOAD_INVALID,
        "The webhook's body is not the JSON object of an event.",
        "It is signed with the secret, but it is no event.",
        "Check what else sends with this secret.");
  }

  /** The bytes of a base64 text; none if it is none. */
  private static byte[] decoded(String base64) {
    try {
      return Base64.getDecoder().decode(base64);
    } catch (IllegalArgumentException e) {
      return new byte[0];
    }
  }

  private static WebhookVerificationException refused(String code, String message, String cause, String todo) {
    return new WebhookVerificationException(new Fault(code, message, cause).remedy("fix_request", todo));
  }
}
