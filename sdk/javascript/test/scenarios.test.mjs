// Whole stories with the real server and its simulator.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fetch as send } from "undici";
import {
  AccountExpiredError,
  AccountNotActiveError,
  AccountPendingError,
  AccountRevokedError,
  ConflictError,
  ConnectionError,
  ForbiddenError,
  InsufficientScopeError,
  InvalidRequestError,
  NotFoundError,
  TimeoutError,
  ToolRateLimitedError,
  ToolTimeoutError,
  UnauthorizedError,
  ValetkeyClient,
} from "valetkey";
import { LiveServer, waitFor } from "./live.mjs";

const server = await LiveServer.start("--call-deadline-s", "2");
const PROFILE = { toolName: "sandbox_get_profile", toolInput: {} };
const on = (identifier) => ({ identifier, connectionName: "sandbox" });

/** The error of a call that must fail with this class. */
async function refused(type, call) {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof type, error);
    return error;
  }
  return assert.fail(`${type.name} was expected`);
}

async function all(list) {
  const items = [];
  for await (const item of list) items.push(item);
  return items;
}

beforeEach(async () => {
  await server.simulate("faults/clear");
  await server.simulate("settings", { refresh_token_ttl_s: null });
});

test("pending account becomes active through its link and calls tools", async () => {
  const lines = [];
  const client = server.client({ debug: (line) => lines.push(line) });
  const { actions } = client;
  const account = await actions.getOrCreateConnectedAccount(on("user_1"));
  assert.equal(account.status, "PENDING");
  assert.equal((await actions.getOrCreateConnectedAccount(on("user_1"))).id, account.id);
  const pending = await refused(AccountPendingError, actions.executeTool({ identifier: "user_1", ...PROFILE }));
  assert.equal(pending.accountStatus, "PENDING");
  assert.equal(pending.accountId, account.id);
  assert.ok(pending.executionId && pending.requestId);

  const { link } = await actions.getAuthorizationLink(on("user_1"));
  await server.authorize(link, "ada");
  const active = await actions.getConnectedAccount(on("user_1"));
  assert.equal(active.status, "ACTIVE");
  assert.ok(active.scopes.includes("profile"));
  assert.equal((await actions.getConnectedAccount({ connectedAccountId: account.id })).label, "ada@example.com");

  const result = await actions.executeTool({ identifier: "user_1", ...PROFILE });
  assert.equal(result.data.email, "ada@example.com");
  assert.equal(result.connectedAccountId, account.id);
  const execution = await actions.waitForExecution(result);
  assert.deepEqual([execution.status, execution.toolName], ["SUCCEEDED", "sandbox_get_profile"]);
  const answer = await actions.request({ ...on("user_1"), method: "GET", path: "/me" });
  assert.ok(answer.ok && answer.executionId);
  assert.equal(answer.json().email, "ada@example.com");
  const missing = await actions.request({ connectedAccountId: account.id, method: "GET", path: "/files/none" });
  assert.equal(missing.status, 404);

  const records = await all(actions.listExecutions({ connectedAccountId: account.id, pageSize: 1 }));
  assert.deepEqual(
    records.map((record) => record.status),
    ["FAILED", "SUCCEEDED", "SUCCEEDED", "FAILED"],
  );
  const events = await all(actions.listAccountEvents({ ...on("user_1"), pageSize: 1 }));
  assert.ok(events.some((event) => event.kind === "account.activated"));
  const none = await all(actions.listAccountEvents({ ...on("user_1"), since: new Date(Date.now() + 3_600_000) }));
  assert.deepEqual(none, []);
  const found = await actions.searchTools({ query: "who am I, my profile", identifier: "user_1", limit: 3 });
  assert.ok(found.length > 0 && found.length <= 3);
  const names = (await all(actions.listTools({ connectionName: "sandbox", pageSize: 3 }))).map((tool) => tool.name);
  assert.ok(names.includes("sandbox_get_profile") && names.length > 3);
  assert.equal(new Set(names).size, names.length);
  assert.equal((await actions.getTool({ name: "sandbox_get_profile" })).definition.input_schema.type, "object");

  const changed = await actions.updateConnectedAccount({ ...on("user_1"), userId: "u_1", apiConfig: { team: "blue" } });
  assert.deepEqual([changed.userId, changed.apiConfig], ["u_1", { team: "blue" }]);
  assert.deepEqual(
    (await all(actions.listConnectedAccounts({ userId: "u_1" }))).map((one) => one.id),
    [account.id],
  );
  assert.equal((await actions.updateConnectedAccount({ ...on("user_1"), userId: null })).userId ?? null, null);
  assert.equal((await actions.disconnectConnectedAccount(on("user_1"))).status, "DISCONNECTED");
  await actions.deleteConnectedAccount(on("user_1"));
  await refused(NotFoundError, actions.getConnectedAccount(on("user_1")));
  await client.close();

  const log = lines.join("\n");
  assert.ok(log.includes("→ POST /v1/connect/tools/execute"), log);
  const secrets = [link.split("/").pop(), server.env.VALETKEY_CLIENT_SECRET, "Bearer "];
  for (const secret of secrets) assert.ok(!log.includes(secret));
});

test("many calls at once share one client", async () => {
  const client = server.client();
  await server.connect(client, "user_2", "grace");
  const calls = Array.from({ length: 8 }, () => client.actions.executeTool({ identifier: "user_2", ...PROFILE }));
  const emails = (await Promise.all(calls)).map(({ data }) => data.email);
  assert.deepEqual(emails, Array(8).fill("grace@example.com"));
  const wrong = { identifier: "user_2", toolName: "sandbox_send_message", toolInput: { to: "ada@example.com" } };
  const { fields } = await refused(InvalidRequestError, client.actions.executeTool(wrong));
  assert.deepEqual(fields.map(({ field }) => field).sort(), ["tool_input.body", "tool_input.subject"]);
  await client.close();
});

test("expired account is refreshed, and a dead one says so", async () => {
  const client = server.client();
  const { actions } = client;
  const before = (await server.connect(client, "user_3", "ada")).tokenExpiresAt;
  await server.simulate("expire-access-tokens", { user: "ada" });
  const account = await actions.refreshConnectedAccount(on("user_3"));
  assert.equal(account.status, "ACTIVE");
  assert.ok(Date.parse(account.tokenExpiresAt) > Date.parse(before));
  assert.equal((await actions.executeTool({ identifier: "user_3", ...PROFILE })).data.email, "ada@example.com");

  // The refresh token of the next grant runs out at once.
  await server.simulate("settings", { refresh_token_ttl_s: 1 });
  await server.connect(client, "user_3", "ada");
  await waitFor(async () => {
    // Each refresh brings a new refresh token, which lives for a second; the wait outlives it.
    await pause(1200);
    try {
      await actions.refreshConnectedAccount(on("user_3"));
      return false;
    } catch (error) {
      assert.ok(error instanceof ConflictError || error instanceof AccountNotActiveError, error);
      return true;
    }
  }, "the refresh token runs out");
  assert.equal((await actions.getConnectedAccount(on("user_3"))).status, "EXPIRED");
  const expired = await refused(AccountExpiredError, actions.executeTool({ identifier: "user_3", ...PROFILE }));
  assert.equal(expired.accountStatus, "EXPIRED");
  await server.simulate("settings", { refresh_token_ttl_s: null });
  await server.authorize((await actions.getAuthorizationLink(on("user_3"))).link, "ada");
  assert.equal((await actions.executeTool({ identifier: "user_3", ...PROFILE })).data.email, "ada@example.com");
  await client.close();
});

test("revoked account is authorized again", async () => {
  const client = server.client();
  const { actions } = client;
  await server.connect(client, "user_4", "grace");
  await server.simulate("revoke-grants", { user: "grace" });
  const revoked = await refused(AccountRevokedError, actions.executeTool({ identifier: "user_4", ...PROFILE }));
  assert.ok(revoked instanceof AccountNotActiveError);
  assert.ok(String(revoked).includes("What to do:") && String(revoked).includes(revoked.requestId), String(revoked));
  assert.equal((await actions.getConnectedAccount(on("user_4"))).status, "REVOKED");
  const link = revoked.authorizationLink ?? (await actions.getAuthorizationLink(on("user_4"))).link;
  assert.ok(!String(revoked).includes(link));
  await server.authorize(link, "grace");
  assert.equal((await actions.executeTool({ identifier: "user_4", ...PROFILE })).data.email, "grace@example.com");
  await client.close();
});

test("missing scope is told, and granted with a new link", async () => {
  const client = server.client();
  const { actions } = client;
  const account = await server.connect(client, "user_5", "ada", { scopes: ["profile"] });
  assert.deepEqual(account.scopes, ["profile"]);
  const call = { identifier: "user_5", toolName: "sandbox_list_messages", toolInput: {} };
  const missing = await refused(InsufficientScopeError, actions.executeTool(call));
  assert.ok(missing instanceof ForbiddenError);
  assert.ok(String(missing).includes("messages.read"), String(missing));
  await server.connect(client, "user_5", "ada", { addScopes: ["messages.read"] });
  assert.ok((await actions.executeTool(call)).data);
  await client.close();
});

test("rate limit is waited for, and told without repeats", async () => {
  const client = server.client();
  const call = { identifier: "user_6", ...PROFILE };
  await server.connect(client, "user_6", "ada");
  await server.simulate("faults", { endpoint: "api", kind: "status", status: 429, retry_after_s: 1 });
  assert.equal((await client.actions.executeTool(call)).data.email, "ada@example.com");
  await server.simulate("faults", { endpoint: "api", kind: "status", status: 429, retry_after_s: 7 });
  const limited = await refused(ToolRateLimitedError, client.actions.executeTool(call, { maxRetries: 0 }));
  assert.ok(limited.retryAfterMs > 0 && limited.retryAfterMs <= 7000);
  assert.equal(limited.provider.status, 429);
  assert.ok(limited.executionId);
  await client.close();
});

test("time-outs of both sides are told", async () => {
  const client = server.client();
  const call = { identifier: "user_7", ...PROFILE };
  await server.connect(client, "user_7", "ada");
  await server.simulate("faults", { endpoint: "api", kind: "delay", delay_ms: 4000 });
  const theirs = await refused(ToolTimeoutError, client.actions.executeTool(call, { maxRetries: 0 }));
  assert.equal(theirs.code, "upstream_timeout");
  await server.simulate("faults/clear");
  await server.simulate("faults", { endpoint: "api", kind: "delay", delay_ms: 4000 });
  const ours = await refused(TimeoutError, client.actions.executeTool(call, { timeoutMs: 300 }));
  assert.equal(ours.code, "client_timeout");
  assert.ok(String(ours).includes("listExecutions"), String(ours));
  await client.close();
});

test("tool call whose answer is lost runs once", async () => {
  let lost = 0;
  const fetch = async (url, init) => {
    const answer = await send(url, { ...init, dispatcher: server.dispatcher });
    if (!url.pathname.endsWith("/execute") || lost++ > 0) return answer;
    await answer.arrayBuffer();
    throw new TypeError("fetch failed", { cause: Object.assign(new Error("gone"), { code: "ECONNRESET" }) });
  };
  const client = server.client({ fetch });
  const { actions } = client;
  await server.connect(client, "user_8", "ada");
  const toolInput = { to: "grace@example.com", subject: "Once", body: "Only once." };
  const call = { identifier: "user_8", toolName: "sandbox_send_message", toolInput };
  const sent = await actions.executeTool({ ...call, idempotencyKey: "js-once" });
  assert.equal(lost, 2);
  assert.equal((await actions.executeTool({ ...call, idempotencyKey: "js-once" })).executionId, sent.executionId);
  const { connectedAccountId, toolName } = sent;
  assert.equal((await all(actions.listExecutions({ connectedAccountId, toolName }))).length, 1);
  const other = { ...call, toolInput: { ...toolInput, subject: "Another" }, idempotencyKey: "js-once" };
  const reused = await refused(InvalidRequestError, actions.executeTool(other));
  assert.equal(reused.code, "idempotency_key_reused");
});

test("tool that nobody waits for is waited for later", async () => {
  const client = server.client();
  const { actions } = client;
  await server.connect(client, "user_9", "grace");
  const started = await actions.executeToolAsync({ identifier: "user_9", ...PROFILE });
  assert.equal(started.status, "RUNNING");
  const ended = await actions.waitForExecution(started, { timeoutMs: 20_000 });
  assert.deepEqual([ended.status, ended.data.email], ["SUCCEEDED", "grace@example.com"]);
  const missing = { identifier: "user_9", toolName: "sandbox_get_message", toolInput: { message_id: "none" } };
  const failed = await actions.waitForExecution(await actions.executeToolAsync(missing), { timeoutMs: 20_000 });
  assert.deepEqual([failed.status, failed.error.code], ["FAILED", "upstream_not_found"]);
  await client.close();
});

test("batch gives each call its own result", async () => {
  const client = server.client();
  const { actions } = client;
  await server.connect(client, "user_10", "ada", { scopes: ["profile"] });
  const identifier = "user_10";
  const [profile, unknown, scope, nobody, again] = await actions.executeTools([
    { identifier, ...PROFILE },
    { identifier, toolName: "sandbox_no_such_tool" },
    { identifier, toolName: "sandbox_list_messages" },
    { identifier: "nobody", ...PROFILE },
    { identifier, ...PROFILE, timeoutMs: 1500 },
  ]);
  for (const one of [profile, again]) assert.equal(one.result.data.email, "ada@example.com");
  assert.ok(unknown.error instanceof NotFoundError && unknown.error.code === "tool_not_found", unknown.error);
  assert.ok(scope.error instanceof InsufficientScopeError && scope.error.executionId, scope.error);
  assert.ok(nobody.error instanceof NotFoundError && nobody.error.code === "account_not_found", nobody.error);
  assert.deepEqual(
    [unknown, scope, nobody].map(({ error }) => error.httpStatus),
    [404, 403, 404],
  );
  await refused(InvalidRequestError, actions.executeTools([]));
  const [begun, refusedOne] = await actions.executeToolsAsync([
    { identifier, ...PROFILE },
    { identifier: "nobody", ...PROFILE },
  ]);
  const ended = await actions.waitForExecution(begun.started);
  assert.equal(ended.data.email, "ada@example.com");
  assert.ok(refusedOne.error instanceof NotFoundError && refusedOne.error.httpStatus === 404, refusedOne.error);
  await client.close();
});

test("diagnosis says what is wrong and whose move it is", async () => {
  // Alone on its server: many accounts that are revoked at once are not their users' doing.
  const server = await LiveServer.start();
  const client = server.client();
  const { actions } = client;
  const user = on("user_11");
  const { id } = await server.connect(client, "user_11", "grace");
  const well = await actions.diagnose({ ...user, probe: true });
  assert.deepEqual([well.verdict, well.findings[0].code], ["healthy", "healthy"], well.summary);
  assert.ok(well.steps.length > 0 && well.steps.every(({ outcome }) => outcome !== "failed"));

  await server.simulate("revoke-grants", { user: "grace" });
  const revoked = await refused(AccountRevokedError, actions.executeTool({ identifier: "user_11", ...PROFILE }));
  assert.equal(revoked.diagnosis.verdict, "broken");
  assert.equal(revoked.diagnosis.actor, "end_user");
  for (const found of [
    await actions.diagnose({ connectedAccountId: id, probe: false }),
    await actions.diagnose({ executionId: revoked.executionId }),
  ]) {
    assert.equal(found.verdict, "broken", found.summary);
    const [worst] = found.findings;
    assert.equal(worst.actor, "end_user", JSON.stringify(worst));
    assert.ok(worst.message && worst.cause && worst.evidence.length > 0 && worst.remedies.length > 0);
    assert.ok(found.summary);
  }
  assert.equal((await actions.getExecution(revoked)).diagnosis.verdict, "broken");
  assert.equal((await actions.diagnose({ connectionName: "sandbox" })).subject.kind, "connection");
  await client.close();
});

test("accounts with names are told apart as the server does", async () => {
  const client = server.client();
  const { actions } = client;
  const user = on("user_12");
  const home = await actions.getOrCreateConnectedAccount({ ...user, accountName: "home" });
  assert.equal((await actions.getConnectedAccount(user)).id, home.id);
  const work = await actions.getOrCreateConnectedAccount({ ...user, accountName: "work" });
  assert.notEqual(work.id, home.id);
  assert.equal((await actions.getConnectedAccount({ ...user, accountName: "home" })).id, home.id);
  const here = await refused(ConflictError, actions.getConnectedAccount(user));
  const there = await refused(ConflictError, actions.executeTool({ ...user, ...PROFILE }));
  assert.deepEqual([here.code, there.code], ["ambiguous_account", "ambiguous_account"]);
  const plain = await actions.createConnectedAccount(user);
  assert.equal((await actions.getConnectedAccount(user)).id, plain.id);
  const { link } = await actions.getAuthorizationLink({ ...user, accountName: "work" });
  await server.authorize(link, "grace");
  const { data, connectedAccountId } = await actions.executeTool({ ...user, accountName: "work", ...PROFILE });
  assert.deepEqual([data.email, connectedAccountId], ["grace@example.com", work.id]);
  const answer = await actions.request({ ...user, accountName: "work", method: "GET", path: "/me" });
  assert.equal(answer.json().email, "grace@example.com");
  await client.close();
});

test("untrusted certificate is refused and says what to set", async () => {
  const apiToken = server.env.VALETKEY_API_TOKEN;
  const client = new ValetkeyClient({ envUrl: server.env.VALETKEY_URL, apiToken });
  const untrusted = await refused(ConnectionError, client.actions.getTool({ name: "sandbox_get_profile" }));
  assert.equal(untrusted.code, "connection_tls_failed");
  assert.ok(String(untrusted).includes("VALETKEY_CA_FILE"));
  assert.ok(!String(untrusted).includes(apiToken));
});

test("wrong credentials are refused", async () => {
  const wrong = server.client({ clientSecret: "vks_wrong" });
  const secret = await refused(UnauthorizedError, wrong.actions.getTool({ name: "sandbox_get_profile" }));
  assert.equal(secret.code, "invalid_client_credentials");
  const { envUrl, caFile } = server.options;
  const other = new ValetkeyClient({ envUrl, caFile, apiToken: "vk_wrong" });
  await refused(UnauthorizedError, other.actions.getTool({ name: "sandbox_get_profile" }));
  await Promise.all([wrong.close(), other.close()]);
});

test("environment is enough", async () => {
  const names = ["VALETKEY_URL", "VALETKEY_API_TOKEN", "VALETKEY_CA_FILE"];
  for (const name of names) process.env[name] = server.env[name];
  try {
    const client = new ValetkeyClient();
    assert.ok((await client.connections.getConnector("sandbox")).tools.length > 0);
    await client.close();
  } finally {
    for (const name of names) delete process.env[name];
  }
});

test("connections are managed", async () => {
  const client = server.client();
  const { connections } = client;
  const { overrides } = await connections.get("sandbox");
  const own = { clientId: "valetkey-dev", clientSecret: "wrong", overrides };
  const made = await connections.create({ connector: "sandbox", name: "second", ...own });
  assert.ok(made.hasClientSecret);
  assert.ok(made.redirectUri.startsWith(server.env.VALETKEY_URL));
  const tested = await connections.test("second");
  assert.equal(tested.ok, false);
  assert.ok(tested.checked.length > 0);
  const changed = await connections.update(made.id, { clientSecret: null, enabled: false });
  assert.deepEqual([changed.hasClientSecret, changed.enabled], [false, false]);
  const names = (await all(connections.list({ pageSize: 1 }))).map(({ name }) => name);
  assert.ok(names.includes("second") && names.includes("sandbox"));
  assert.ok((await connections.listConnectors()).some(({ slug }) => slug === "gmail"));
  assert.ok((await all(connections.listEvents("second"))).length > 0);
  await connections.delete("second");
  const gone = await refused(NotFoundError, connections.get("second"));
  assert.equal(gone.code, "connection_not_found");
  await client.close();
});
