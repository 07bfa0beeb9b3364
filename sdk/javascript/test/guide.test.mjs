// The shapes of the troubleshooting guide: its calls with its names, its attributes, its statuses, its loops. They run
// against the real server, whose connector `gmail` talks to a provider on this machine.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ValetkeyClient } from "valetkey";
import { Gmail, SCOPES } from "./gmail.mjs";
import { Browser, formOf, LiveServer } from "./live.mjs";

const SEND = "https://www.googleapis.com/auth/gmail.send";
const server = await LiveServer.start();
const valetkey = server.client();
const { actions } = valetkey;
const user = { identifier: "user_123", connectionName: "gmail" };

let gmail;
beforeEach(async () => {
  gmail = await Gmail.start();
  const own = { clientId: "c", clientSecret: "s", overrides: gmail.overrides };
  await valetkey.connections.create({ connector: "gmail", name: "gmail", ...own });
});
afterEach(async () => {
  for await (const { id } of actions.listConnectedAccounts({ connectionName: "gmail" })) {
    await actions.deleteConnectedAccount({ connectedAccountId: id });
  }
  await valetkey.connections.delete("gmail");
  gmail.close();
});

/** What the user does: the provider consents at once. */
async function openLink(link) {
  const browser = new Browser(server.ca);
  await browser.submit(formOf(await browser.open(link)));
  await browser.close();
}

async function connect() {
  await openLink((await actions.getAuthorizationLink(user)).link);
}

test("quick diagnostics of an account", async () => {
  await actions.getOrCreateConnectedAccount(user);
  const account = await valetkey.actions.getConnectedAccount({
    identifier: "user_123",
    connectionName: "gmail",
  });
  assert.equal(`${account.status} ${account.connectionName}`, "PENDING gmail");
  for (const at of [account.createdAt, account.updatedAt]) assert.match(`${at}`, /^20\d\d-/);

  const linkResponse = await valetkey.actions.getAuthorizationLink({
    connectionName: "gmail",
    identifier: "user_123",
  });
  assert.ok(`Send this link to user: ${linkResponse.link}`.includes(`${server.env.VALETKEY_URL}/connect/`));
  await openLink(linkResponse.link);
  assert.equal((await actions.getConnectedAccount(user)).status, "ACTIVE");
  const result = await actions.executeTool({ identifier: "user_123", toolName: "gmail_get_profile", toolInput: {} });
  assert.equal(result.data.email_address, "ada@gmail.example");
});

test("failing tool call gives clues", async () => {
  await actions.getOrCreateConnectedAccount(user);
  const call = actions.executeTool({ identifier: "user_123", toolName: "gmail_get_profile", toolInput: {} });
  await assert.rejects(call, (error) => {
    assert.match(String(error), /user_123/);
    assert.match(String(error), /What to do:/);
    return true;
  });
});

test("refresh brings an account back, or a link does", async () => {
  await connect();
  assert.equal((await actions.refreshConnectedAccount(user)).status, "ACTIVE");
  gmail.refusing = true;
  await assert.rejects(actions.refreshConnectedAccount(user), (error) => /What to do:/.test(String(error)));
  assert.ok(["EXPIRED", "REVOKED"].includes((await actions.getConnectedAccount(user)).status));
  gmail.refusing = false;
  await connect();
  assert.equal((await actions.getConnectedAccount(user)).status, "ACTIVE");
});

test("active account whose tool fails is looked into", async () => {
  await connect();
  gmail.valid = new Set();
  assert.equal((await actions.getConnectedAccount(user)).status, "ACTIVE");
  const account = await actions.refreshConnectedAccount(user);
  assert.ok(account.scopes.includes("https://www.googleapis.com/auth/gmail.readonly"));
  const result = await actions.executeTool({ identifier: "user_123", toolName: "gmail_get_profile", toolInput: {} });
  assert.equal(result.data.messages_total, 3);
});

test("missing scope is found and authorized", async () => {
  await connect();
  assert.ok(!(await actions.getConnectedAccount(user)).scopes.includes(SEND));
  gmail.scopes = `${SCOPES} ${SEND}`;
  await connect();
  assert.ok((await actions.getConnectedAccount(user)).scopes.includes(SEND));
});

test("hand-written retry loop works and is not needed", async () => {
  gmail.scopes = `${SCOPES} ${SEND}`;
  await connect();
  const toolInput = { to: "user@example.com", subject: "Test", body: "Hello" };
  const call = { identifier: "user_123", toolName: "gmail_send_email", toolInput };
  async function withRetry(maxRetries = 3) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await actions.executeTool(call, { maxRetries: 0 });
      } catch (error) {
        if (!String(error).toLowerCase().includes("rate limit") || attempt >= maxRetries - 1) throw error;
        await pause(2 ** attempt * 1000);
      }
    }
  }
  gmail.limited = 1;
  assert.ok((await withRetry()).executionId);
  assert.equal(gmail.sent, 1);
  gmail.limited = 1;
  assert.ok((await actions.executeTool(call)).executionId);
  assert.equal(gmail.sent, 2);
});

test("debug mode shows requests and answers on stderr, and no secret", async () => {
  const written = [];
  let link;
  const write = process.stderr.write;
  process.stderr.write = (text) => written.push(String(text)) > 0;
  try {
    const logging = new ValetkeyClient({
      clientId: server.env.VALETKEY_CLIENT_ID,
      clientSecret: server.env.VALETKEY_CLIENT_SECRET,
      envUrl: server.env.VALETKEY_URL,
      caFile: server.env.VALETKEY_CA_FILE,
      debug: true, // Enable detailed logging
    });
    link = (await logging.actions.getAuthorizationLink(user)).link;
    await openLink(link);
    await logging.actions.executeTool({ identifier: "user_123", toolName: "gmail_get_profile", toolInput: {} });
    await logging.close();
  } finally {
    process.stderr.write = write;
  }
  const log = written.join("");
  assert.match(log, /→ POST \/v1\/connect\/tools\/execute/);
  assert.match(log, /← 200 POST \/v1\/connect\/tools\/execute/);
  for (const secret of ["Bearer", "ya29", server.env.VALETKEY_CLIENT_SECRET, link.split("/").pop()]) {
    assert.ok(!log.includes(secret), log);
  }
});
