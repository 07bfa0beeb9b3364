// The snippets of the troubleshooting guide, as they stand there, against scripted answers.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { ValetkeyClient } from "valetkey";
import { aiSdkTools } from "valetkey/ai-sdk";
import { anthropicTools, runAnthropicToolUse } from "valetkey/anthropic";
import { openAiTools, runOpenAiToolCall } from "valetkey/openai";

const ACCOUNT = {
  id: "ca_1",
  status: "PENDING",
  connection_name: "gmail",
  created_at: "2026-03-01T09:00:00Z",
  updated_at: "2026-03-01T09:00:00Z",
};
const LINK = { link: "https://valetkey.test/connect/abc", expires_at: "2026-03-01T10:00:00Z", account: ACCOUNT };
const TOOL = {
  name: "t",
  connector: "c",
  provider: "C",
  definition: { description: "Does it.", input_schema: { type: "object", properties: { a: {} } } },
};

function scripted(answer) {
  return new ValetkeyClient({
    envUrl: "https://valetkey.test",
    apiToken: "vk_x",
    fetch: async (url, init) => answer(url, init),
  });
}

test("guide snippets get the account and its link", async () => {
  const valetkey = scripted((url) =>
    Response.json(url.pathname.endsWith("authorization-links") ? LINK : { items: [ACCOUNT] }),
  );
  const account = await valetkey.actions.getConnectedAccount({
    identifier: "user_123",
    connectionName: "gmail",
  });
  assert.deepEqual(
    [account.status, account.connectionName, account.createdAt, account.updatedAt],
    ["PENDING", "gmail", ACCOUNT.created_at, ACCOUNT.updated_at],
  );
  const linkResponse = await valetkey.actions.getAuthorizationLink({
    connectionName: "gmail",
    identifier: "user_123",
  });
  assert.equal(linkResponse.link, LINK.link);
});

test("guide constructor takes debug", () => {
  new ValetkeyClient({ clientId: "vkc_1", clientSecret: "vks_1", envUrl: "https://valetkey.test", debug: true });
});

test("package can be required", () => {
  const required = createRequire(import.meta.url)("valetkey");
  assert.equal(typeof required.ValetkeyClient, "function");
  assert.equal(typeof required.AccountRevokedError, "function");
});

test("abort signal ends a call with its reason", async () => {
  const reason = new Error("enough");
  const valetkey = scripted(
    (_, init) =>
      new Promise((_resolve, reject) => init.signal.addEventListener("abort", () => reject(init.signal.reason))),
  );
  const controller = new AbortController();
  const call = valetkey.actions.getTool({ name: "t" }, { signal: controller.signal });
  setImmediate(() => controller.abort(reason));
  await assert.rejects(call, (error) => error === reason);
});

test("adapters describe and run tools, and keep the link from the model", async () => {
  const revoked = {
    error: {
      code: "account_revoked",
      message: "Gone.",
      remedies: [{ action: "reauthorize", text: "Send the link.", url: LINK.link }],
    },
  };
  const { actions } = scripted(() => Response.json(revoked, { status: 409 }));
  const user = { identifier: "user_123" };
  const links = [];
  const needed = (error) => links.push(error.authorizationLink);
  assert.deepEqual(openAiTools([TOOL])[0].function, {
    name: "t",
    description: "Does it.",
    parameters: TOOL.definition.input_schema,
  });
  assert.deepEqual(anthropicTools([TOOL])[0].input_schema, TOOL.definition.input_schema);
  const a = await runOpenAiToolCall(actions, user, { id: "1", function: { name: "t", arguments: "{}" } }, needed);
  const b = await runAnthropicToolUse(actions, user, { type: "tool_use", id: "1", name: "t", input: {} }, needed);
  const c = await aiSdkTools(actions, user, [TOOL], needed).t.execute({}, { toolCallId: "1", messages: [] });
  assert.equal(b.is_error, true);
  for (const text of [a.content, b.content, c]) assert.ok(text.includes("Gone.") && !text.includes(LINK.link), text);
  assert.deepEqual(links, [LINK.link, LINK.link, LINK.link]);
});
