// Tools through the SDK.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { consent, newClient, newUser } from "./support.mjs";

const { actions, tools } = newClient();
const identifier = newUser();

before(async () => {
  await consent((await actions.getAuthorizationLink({ connectionName: "sandbox", identifier })).link);
});

test("tool is executed by name and by id", async () => {
  const result = await actions.executeTool({ toolName: "sandbox_get_profile", identifier, connector: "sandbox" });
  assert.match(result.executionId, /^ex_/);
  assert.match(result.data.email, /@/);
  const found = await actions.getConnectedAccount({ connectionName: "sandbox", identifier });
  const byId = await actions.executeTool({ toolName: "sandbox_get_profile", connectedAccountId: found.connectedAccount.id });
  assert.deepEqual(byId.data, result.data);
});

test("tool with input does what it says", async () => {
  const toolInput = { to: ["grace@example.com"], subject: "Mittagessen — ¿mañana?", body: "At noon? 🍜" };
  const sent = (await actions.executeTool({ toolName: "sandbox_send_message", identifier, toolInput })).data;
  const messageId = (sent.message ?? sent).id;
  const read = await actions.executeTool({ toolName: "sandbox_get_message", identifier, toolInput: { message_id: messageId } });
  assert.equal((read.data.message ?? read.data).subject, toolInput.subject);
  const listed = await actions.executeTool({ toolName: "sandbox_list_messages", identifier, toolInput: { limit: 2 } });
  assert.ok(listed.data);
});

test("tools are listed, scoped and available", async () => {
  const page = await tools.listTools({ filter: { connector: "sandbox" }, pageSize: 3 });
  assert.equal(page.tools.length, 3);
  assert.ok(page.totalSize > 3 && page.nextPageToken);
  assert.equal(page.tools[0].definition.input_schema.type, "object");
  const summary = await tools.listTools({ filter: { summary: true, connector: "sandbox" } });
  assert.deepEqual(Object.keys(summary.tools[0].definition).sort(), ["description", "name"]);

  const scoped = await tools.listScopedTools(identifier, { filter: { connectionNames: ["sandbox"] } });
  assert.ok(scoped.totalSize > 3);
  assert.equal(scoped.tools[0].identifier, identifier);
  assert.equal((await tools.listScopedTools("nobody-at-all", { filter: {} })).totalSize, 0);
  assert.equal((await tools.listAvailableTools(identifier)).totalSize, scoped.totalSize);
});
