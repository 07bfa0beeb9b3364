// The adapters for frameworks: what they tell a model, and what they keep from it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { generateText } from "ai";
import { MockLanguageModelV3 } from "ai/test";
import { ValetkeyClient } from "valetkey";
import { aiSdkTools } from "valetkey/ai-sdk";
import { anthropicTools, runAnthropicToolUse } from "valetkey/anthropic";
import { openAiTools, runOpenAiToolCall } from "valetkey/openai";

const LINK = { link: "https://valetkey.test/connect/abc" };
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

test("OpenAI call with arguments that are no JSON goes back to the model", async () => {
  const { actions } = scripted(() => assert.fail("nothing may be sent"));
  const call = { id: "1", function: { name: "t", arguments: "{" } };
  const { content } = await runOpenAiToolCall(actions, { identifier: "user_123" }, call);
  assert.match(content, /JSON/);
});

test("AI SDK runs a tool that its model calls", async () => {
  const bodies = [];
  const { actions } = scripted((_, init) => {
    bodies.push(JSON.parse(init.body));
    return Response.json({ execution_id: "ex_1", connected_account_id: "ca_1", tool_name: "t", data: { answer: 42 } });
  });
  const model = new MockLanguageModelV3({
    doGenerate: async () => ({
      content: [{ type: "tool-call", toolCallId: "1", toolName: "t", input: '{"a":1}' }],
      finishReason: { unified: "tool-calls", raw: undefined },
      usage: { inputTokens: { total: 1 }, outputTokens: { total: 1 } },
      warnings: [],
    }),
  });
  const tools = aiSdkTools(actions, { identifier: "user_123", agentRunId: "run_1" }, [TOOL]);
  const { toolResults } = await generateText({ model, prompt: "What is it?", tools });
  assert.deepEqual(toolResults[0].output, { answer: 42 });
  const { identifier, agent_run_id, tool_name, tool_input } = bodies[0];
  assert.deepEqual([identifier, agent_run_id, tool_name, tool_input], ["user_123", "run_1", "t", { a: 1 }]);
});
