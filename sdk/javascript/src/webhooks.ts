import { segment } from "./arguments.js";
import type { Http } from "./http.js";
import type { Timestamp } from "./models.js";
import type { CallOptions } from "./options.js";
import { pages } from "./pages.js";

const ROOT = "/v1/connect/webhooks";

/** An address of your app that is told of events. */
export interface Webhook {
  /** `wh_…` */
  id: string;
  /** The address that is told. */
  url: string;
  /** Your own words about it. */
  description?: string | null;
  /** The events that it is told of; empty means all. */
  eventTypes: string[];
  /** Whether it is told. */
  enabled: boolean;
  /** `healthy`, `failing` (the last delivery failed and is tried again) or `disabled`. */
  status: string;
  /** When it was made. */
  createdAt: Timestamp;
  /** When it last changed. */
  updatedAt: Timestamp;
  /** Since when every delivery fails. */
  failingSince?: Timestamp | null;
  /** When it last took a delivery. */
  lastDeliveryAt?: Timestamp | null;
  /** What the last failed delivery failed with. */
  lastError?: string | null;
  /** Why it is disabled. */
  disabledReason?: string | null;
}

/** A webhook with its secret, which is shown this once. */
export interface WebhookSecret {
  /** The webhook. */
  webhook: Webhook;
  /** `whsec_…`, for `verifyWebhook`. */
  secret: string;
  /** Until when deliveries are signed with the secret before too. */
  oldSecretValidUntil?: Timestamp | null;
}

/** One event on its way to a webhook. */
export interface WebhookDelivery {
  /** The id that it goes out with each time, as `webhook-id`. */
  id: string;
  /** The event's type. */
  type: string;
  /** `pending`, `delivered` or `failed`. */
  outcome: string;
  /** How often it was sent. */
  attempts: number;
  /** When the event happened. */
  createdAt: Timestamp;
  /** When it is sent again. */
  nextAttemptAt?: Timestamp | null;
  /** The HTTP status that your app answered last. */
  responseStatus?: number | null;
  /** Why the last try failed. */
  error?: string | null;
}

/** What a webhook is made of; `null` removes a value on update. */
export interface WebhookFields {
  /** An HTTPS address of your app. */
  url?: string | undefined;
  /** Your own words about it. */
  description?: string | null | undefined;
  /** Such as `account.revoked`. Default: all. */
  eventTypes?: string[] | null | undefined;
  /** Default: true. */
  enabled?: boolean | undefined;
}

/** Webhooks: `client.webhooks`. `verifyWebhook` verifies what they receive. */
export class Webhooks {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /**
   * Makes a webhook. Keep its secret: it is not shown again.
   *
   * @throws InvalidRequestError if the address cannot be used.
   */
  async create(fields: WebhookFields & { url: string }, options: CallOptions = {}): Promise<WebhookSecret> {
    return (await this.#send("POST", ROOT, fields, options)) as WebhookSecret;
  }

  /** All webhooks. */
  list(
    filter: { pageSize?: number | undefined } = {},
    options: CallOptions = {},
  ): AsyncGenerator<Webhook, void, undefined> {
    return pages(this.#http, ROOT, { page_size: filter.pageSize }, options);
  }

  /**
   * One webhook.
   *
   * @throws NotFoundError if there is none (`webhook_not_found`).
   */
  async get(webhookId: string, options: CallOptions = {}): Promise<Webhook> {
    return (await this.#http.json({ method: "GET", path: path(webhookId), repeatable: true }, options)) as Webhook;
  }

  /** Changes what is given and leaves the rest. */
  async update(webhookId: string, fields: WebhookFields, options: CallOptions = {}): Promise<Webhook> {
    return (await this.#send("PATCH", path(webhookId), fields, options)) as Webhook;
  }

  /** Deletes a webhook, with what is still on its way to it. */
  async delete(webhookId: string, options: CallOptions = {}): Promise<void> {
    await this.#send("DELETE", path(webhookId), undefined, options);
  }

  /** Gives a webhook another secret. Until `oldSecretValidUntil` deliveries are signed with both. */
  async rotateSecret(webhookId: string, options: CallOptions = {}): Promise<WebhookSecret> {
    return (await this.#send("POST", `${path(webhookId)}/rotate-secret`, undefined, options)) as WebhookSecret;
  }

  /** Sends a `webhook.test` event now and says what your app answered. */
  async test(webhookId: string, options: CallOptions = {}): Promise<WebhookDelivery> {
    return (await this.#send("POST", `${path(webhookId)}/test`, undefined, options)) as WebhookDelivery;
  }

  /** What went out to a webhook, newest first; `outcome` is `pending`, `delivered` or `failed`. */
  async *deliveries(
    webhookId: string,
    filter: { outcome?: string | undefined; pageSize?: number | undefined } = {},
    options: CallOptions = {},
  ): AsyncGenerator<WebhookDelivery, void, undefined> {
    const query = { outcome: filter.outcome, page_size: filter.pageSize };
    yield* pages<WebhookDelivery>(this.#http, `${path(webhookId)}/deliveries`, query, options);
  }

  /**
   * Sends a delivery once more, with the same id and body.
   *
   * @throws NotFoundError if there is none, or not any more.
   */
  async redeliver(webhookId: string, deliveryId: string, options: CallOptions = {}): Promise<WebhookDelivery> {
    const below = `deliveries/${segment("deliveryId", deliveryId)}/redeliver`;
    return (await this.#send("POST", `${path(webhookId)}/${below}`, undefined, options)) as WebhookDelivery;
  }

  #send(method: string, path: string, json: object | undefined, options: CallOptions): Promise<unknown> {
    return this.#http.json({ method, path, json, repeatable: false }, options);
  }
}

function path(webhookId: string): string {
  return `${ROOT}/${segment("webhookId", webhookId)}`;
}
