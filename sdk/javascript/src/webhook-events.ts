import { createHmac, timingSafeEqual } from "node:crypto";
import { ValetkeyError } from "./errors.js";
import type { Timestamp } from "./models.js";
import { fromWire } from "./wire.js";

/** How far the time of sending may be from now, in milliseconds, unless the caller says so. */
const TOLERANCE_MS = 300_000;
const PREFIX = "whsec_";
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** What a delivery to your webhook says: {@link verifyWebhook} gives it. */
export interface WebhookEvent {
  /** The same each time that this event is delivered: keep the ids that you have dealt with. */
  id: string;
  /** `account.revoked`, `connection.client_refused`, `execution.finished`, `webhook.test`, … */
  type: string;
  /** When it happened. */
  timestamp?: Timestamp;
  /** The environment that it happened in. */
  environment?: string;
  /** What it is about, under the names of the wire; its fields depend on `type`. */
  data: Record<string, unknown>;
}

/**
 * A request to your webhook is not genuine, not whole or not of now. Answer it with 400 and do nothing. The code tells why:
 * `webhook_header_missing`, `webhook_header_invalid`, `webhook_timestamp_too_old`, `webhook_timestamp_too_new`,
 * `webhook_signature_invalid`, `webhook_payload_invalid`, or, where your own secret is none, `webhook_secret_invalid`.
 */
export class WebhookVerificationError extends ValetkeyError {}

/** Headers of a request: `Request.headers`, or `req.headers` of Node and Express. */
export type WebhookHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/** How {@link verifyWebhook} takes the time. */
export interface VerifyOptions {
  /** How far the time of sending may be from now, in milliseconds, before or after. Default: 300 000. */
  toleranceMs?: number | undefined;
  /** Taken for now. Default: the system's clock. */
  now?: Date | undefined;
}

/**
 * Verifies a request to your webhook (Standard Webhooks 1.0) and gives the event in it.
 *
 * @param secret `whsec_…`, as it was given when the webhook was made or its secret renewed.
 * @param headers of the request; `webhook-id`, `webhook-timestamp` and `webhook-signature` are read.
 * @param payload the body as it came, before anything has parsed it: the signature is over its bytes.
 * @throws WebhookVerificationError if the request is not to be trusted.
 */
export function verifyWebhook(
  secret: string,
  headers: WebhookHeaders,
  payload: string | Uint8Array,
  options: VerifyOptions = {},
): WebhookEvent {
  const key = keyOf(secret);
  const id = header(headers, "webhook-id");
  const sent = header(headers, "webhook-timestamp");
  const signatures = header(headers, "webhook-signature");
  checkTime(sent, (options.now ?? new Date()).getTime(), options.toleranceMs ?? TOLERANCE_MS);
  const wanted = createHmac("sha256", key).update(`${id}.${sent}.`).update(payload).digest();
  // Every one is compared, so that time tells nothing.
  const fitting = signaturesIn(signatures).filter(
    (one) => one.length === wanted.length && timingSafeEqual(one, wanted),
  );
  if (fitting.length === 0) {
    throw refused(
      "webhook_signature_invalid",
      "No signature of the webhook fits.",
      "The body was altered on its way or by a parser here, or it was signed with another secret.",
      "Verify the body's bytes as they came; compare the secret with the webhook's.",
    );
  }
  return eventOf(payload, id);
}

function refused(code: string, message: string, cause: string, text: string): WebhookVerificationError {
  return new WebhookVerificationError({ code, message, cause, remedies: [{ action: "fix_request", text }] });
}

function keyOf(secret: string): Buffer {
  const text = secret.trim();
  const base64 = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text;
  if (base64 === "" || !BASE64.test(base64)) {
    throw refused(
      "webhook_secret_invalid",
      "The webhook's secret is none.",
      "A secret is whsec_ and base64.",
      "Take it over whole, as it was shown when the webhook was made.",
    );
  }
  return Buffer.from(base64, "base64");
}

function header(headers: WebhookHeaders, name: string): string {
  let value: string | readonly string[] | null | undefined;
  if (headers instanceof Headers) value = headers.get(name);
  else value = Object.entries(headers).find(([given]) => given.toLowerCase() === name)?.[1];
  const text = typeof value === "string" ? value : value?.[0];
  if (!text) {
    throw refused(
      "webhook_header_missing",
      `The request has no header ${name}.`,
      "It does not come from Valetkey, or something in between took the header away.",
      "Hand over all headers of the request; let what is in front of your app pass them.",
    );
  }
  return text;
}

function checkTime(sent: string, now: number, toleranceMs: number): void {
  if (!/^[0-9]{1,12}$/.test(sent)) {
    throw refused(
      "webhook_header_invalid",
      "The header webhook-timestamp is no time.",
      "It must be whole seconds since 1970.",
      "Hand the header over as it came.",
    );
  }
  const age = now - Number(sent) * 1000;
  if (Math.abs(age) <= toleranceMs) return;
  const old = age > 0;
  throw refused(
    old ? "webhook_timestamp_too_old" : "webhook_timestamp_too_new",
    `The webhook was sent ${Math.round(Math.abs(age) / 1000)} s ${old ? "ago" : "from now"}; ${toleranceMs / 1000} s are allowed.`,
    "It was held up or recorded and sent again, or a clock is wrong.",
    "Check this machine's clock; a delivery that comes again has a time of its own.",
  );
}

function signaturesIn(text: string): Buffer[] {
  return text
    .split(" ")
    .filter((part) => part.startsWith("v1,") && BASE64.test(part.slice(3)))
    .map((part) => Buffer.from(part.slice(3), "base64"));
}

function eventOf(payload: string | Uint8Array, id: string): WebhookEvent {
  let body: unknown;
  try {
    body = JSON.parse(typeof payload === "string" ? payload : new TextDecoder().decode(payload));
  } catch {
    body = undefined;
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw refused(
      "webhook_payload_invalid",
      "The webhook's body is not a JSON object.",
      "It is signed with the secret, but it is no event.",
      "Check what else sends with this secret.",
    );
  }
  const event = fromWire(body) as Partial<WebhookEvent>;
  return { ...event, id: event.id ?? id, type: event.type ?? "", data: event.data ?? {} };
}
