// Webhooks with the real server: an endpoint of an app that verifies what it is told.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { InvalidRequestError, NotFoundError, verifyWebhook, WebhookVerificationError } from "valetkey";
import { LiveServer, waitFor } from "./live.mjs";

const server = await LiveServer.start();

/** An endpoint of an app; it answers with `status`. */
async function receive() {
  const receiver = { status: 200, seen: [] };
  const http = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    receiver.seen.push({ headers: request.headers, body: Buffer.concat(parts) });
    response.writeHead(receiver.status).end();
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  after(() => http.close());
  receiver.url = `http://127.0.0.1:${http.address().port}/hooks`;
  receiver.told = (secret, kind, nth = 0) =>
    receiver.seen.map(({ headers, body }) => verifyWebhook(secret, headers, body)).filter(({ type }) => type === kind)[
      nth
    ];
  return receiver;
}

async function all(items) {
  const found = [];
  for await (const item of items) found.push(item);
  return found;
}

test("an app is told, and verifies what it is told", async () => {
  const receiver = await receive();
  const client = server.client();
  const hooks = client.webhooks;
  const types = ["account.activated", "execution.finished"];
  const made = await hooks.create({ url: receiver.url, description: "Tells the app", eventTypes: types });
  const { webhook, secret } = made;
  assert.ok(secret.startsWith("whsec_"));
  assert.equal(made.oldSecretValidUntil, undefined);
  assert.deepEqual([webhook.eventTypes, webhook.enabled, webhook.status], [types, true, "healthy"]);

  const tested = await hooks.test(webhook.id);
  const outcome = [tested.type, tested.outcome, tested.attempts, tested.responseStatus, tested.error];
  assert.deepEqual(outcome, ["webhook.test", "delivered", 1, 200, null]);
  const event = receiver.told(secret, "webhook.test");
  assert.deepEqual([event.id, event.data], [tested.id, { webhook_id: webhook.id }]);
  const [{ headers, body }] = receiver.seen;
  assert.throws(() => verifyWebhook(secret, headers, `${body} `), WebhookVerificationError);

  await server.connect(client, "hooked_1", "grace");
  const activated = await waitFor(() => receiver.told(secret, "account.activated"), "the account is told");
  assert.deepEqual([activated.data.identifier, activated.data.status], ["hooked_1", "ACTIVE"]);
  const call = { identifier: "hooked_1", toolName: "sandbox_get_profile", toolInput: {} };
  const started = await client.actions.executeToolAsync(call);
  const finished = await waitFor(() => receiver.told(secret, "execution.finished"), "the end of the call is told");
  assert.deepEqual([finished.data.id, finished.data.data.email], [started.executionId, "grace@example.com"]);
  const noted = await waitFor(async () => {
    const found = await all(hooks.deliveries(webhook.id, { outcome: "delivered", pageSize: 1 }));
    return found.length === 3 && found;
  }, "all of it is noted");
  assert.deepEqual(noted.map(({ type }) => type).sort(), [...types, "webhook.test"]);
  assert.ok((await hooks.get(webhook.id)).lastDeliveryAt);

  // The same message once more: its bytes are the same.
  const bodies = () =>
    receiver.seen.map((one) => String(one.body)).filter((text) => text.includes('"account.activated"'));
  const [first] = bodies();
  const again = await hooks.redeliver(webhook.id, activated.id);
  assert.deepEqual([again.id, again.outcome], [activated.id, "pending"]);
  await waitFor(() => receiver.told(secret, "account.activated", 1), "it arrives again");
  assert.deepEqual(bodies(), [first, first]);

  const rotated = await hooks.rotateSecret(webhook.id);
  assert.ok(rotated.oldSecretValidUntil);
  receiver.status = 503;
  const failed = await hooks.test(webhook.id);
  assert.deepEqual([failed.outcome, failed.responseStatus], ["failed", 503]);
  assert.ok(failed.error);
  for (const valid of [secret, rotated.secret]) {
    const last = receiver.seen.at(-1);
    assert.equal(verifyWebhook(valid, last.headers, last.body).id, failed.id);
  }
  assert.deepEqual(
    (await all(hooks.deliveries(webhook.id, { outcome: "failed" }))).map(({ id }) => id),
    [failed.id],
  );

  const changed = await hooks.update(webhook.id, { description: null, enabled: false });
  assert.deepEqual([changed.description, changed.status, changed.disabledReason], [null, "disabled", "operator"]);
  assert.ok((await all(hooks.list({ pageSize: 1 }))).some(({ id }) => id === webhook.id));
  const failure = async (call) => call.then(assert.fail, (error) => error);
  const unknown = await failure(hooks.redeliver(webhook.id, "dl_none"));
  assert.ok(unknown instanceof NotFoundError && unknown.code === "delivery_not_found", unknown);
  await hooks.delete(webhook.id);
  const gone = await failure(hooks.get(webhook.id));
  assert.ok(gone instanceof NotFoundError && gone.code === "webhook_not_found", gone);
  const wrong = await failure(hooks.create({ url: "ftp://app.example/hooks" }));
  assert.ok(wrong instanceof InvalidRequestError, wrong);
  assert.deepEqual(
    wrong.fields.map(({ field }) => field),
    ["url"],
  );
  const renamed = await failure(hooks.create({ url: receiver.url, eventTypes: ["account.renamed"] }));
  assert.ok(renamed instanceof InvalidRequestError, renamed);
  await client.close();
});
