// The example app and the README's five minutes, as they are printed, against the real server.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { story } from "./examples/assistant/main.mjs";
import { LiveServer, waitFor } from "./live.mjs";

const server = await LiveServer.start();
const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");

/** A program with an environment that has the server's variables, or none of Valetkey's. */
async function run(args, { variables = {}, onOutput = () => {} } = {}) {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith("VALETKEY_"));
  const program = spawn(process.execPath, args, {
    cwd: new URL(".", import.meta.url),
    env: { ...Object.fromEntries(others), ...variables },
  });
  const output = { out: "", err: "" };
  program.stdout.on("data", (chunk) => {
    output.out += chunk;
    onOutput(output.out);
  });
  program.stderr.on("data", (chunk) => {
    output.err += chunk;
  });
  const [code] = await once(program, "close");
  return { code, ...output };
}

test("example connects, breaks, explains and recovers", async () => {
  const client = server.client();
  const shown = [];
  const lines = [];
  await story(client, {
    caFile: server.env.VALETKEY_CA_FILE,
    identifier: "user_example",
    show: async (link) => {
      shown.push(link);
      await server.authorize(link, "grace");
    },
    print: (line) => lines.push(line),
    seconds: 10,
  });
  await client.close();
  const output = lines.join("\n");
  assert.match(output, /hello, Grace/);
  assert.match(output, /account_revoked/);
  assert.match(output, /broken: /);
  assert.match(output, /it is up to: end_user/);
  assert.match(output, /hello again, Grace/);
  assert.equal(shown.length, 2);
  for (const link of shown) assert.ok(!output.includes(link));
});

test("example is a program that brings links to its user", async () => {
  let authorized = 0;
  const { code, out, err } = await run(["examples/assistant/main.mjs", "user_program"], {
    variables: server.env,
    onOutput: (all) => {
      const links = [...all.matchAll(/then Allow:\n\s*(https:\S+)\n/g)].map(([, link]) => link);
      if (links.length > authorized) server.authorize(links[authorized++], "ada");
    },
  });
  assert.equal(code, 0, err);
  assert.match(out, /hello again, Ada/);
  assert.equal(authorized, 2);
});

test("example without a server says what to do", async () => {
  const { code, err } = await run(["examples/assistant/main.mjs"]);
  assert.equal(code, 1);
  assert.match(err, /VALETKEY_URL/);
  assert.doesNotMatch(err, /\n\s+at /);
});

test("five minutes of the README work as printed", async () => {
  const [, program] = readme.match(/```js\n\/\/ main\.mjs\n([\s\S]*?)```/);
  writeFileSync(new URL("five-minutes.mjs", import.meta.url), program);
  let opened = false;
  const { code, out, err } = await run(["five-minutes.mjs"], {
    variables: server.env,
    onOutput: (all) => {
      const [, link] = all.match(/then Allow:\n(https:\S+)\n/) ?? [];
      if (!link || opened) return;
      opened = true;
      server.authorize(link, "ada");
    },
  });
  assert.equal(code, 0, err);
  assert.ok(opened);
  assert.match(out, /ACTIVE/);
  assert.match(out, /ada@example\.com/);
  const client = server.client();
  await waitFor(() => client.actions.getConnectedAccount({ identifier: "user_123", connectionName: "sandbox" }), "it");
  await client.close();
});
