// Plays every case of sdk/conformance against the package as it is installed: its ES modules, then its CommonJS.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import * as modules from "valetkey";

const PACKAGES = { esm: modules, cjs: createRequire(import.meta.url)("valetkey") };
/** The one that is being played. */
let sdk = modules;
const folder = process.env.CONFORMANCE ?? new URL("../../conformance/cases/", import.meta.url).pathname;
const VARIABLES = [
  "VALETKEY_URL",
  "VALETKEY_ENV_URL",
  "VALETKEY_API_TOKEN",
  "VALETKEY_CLIENT_ID",
  "VALETKEY_CLIENT_SECRET",
  "VALETKEY_CA_FILE",
];
const CONNECTIONS = {
  get_connection: "get",
  update_connection: "update",
  delete_connection: "delete",
  test_connection: "test",
  list_connection_events: "listEvents",
};
const WEBHOOKS = {
  create_webhook: (webhooks, args) => webhooks.create(args),
  list_webhooks: (webhooks, args) => webhooks.list(args),
  get_webhook: (webhooks, { webhookId }) => webhooks.get(webhookId),
  update_webhook: (webhooks, { webhookId, ...fields }) => webhooks.update(webhookId, fields),
  delete_webhook: (webhooks, { webhookId }) => webhooks.delete(webhookId),
  rotate_webhook_secret: (webhooks, { webhookId }) => webhooks.rotateSecret(webhookId),
  test_webhook: (webhooks, { webhookId }) => webhooks.test(webhookId),
  list_webhook_deliveries: (webhooks, { webhookId, ...filter }) => webhooks.deliveries(webhookId, filter),
  redeliver_webhook: (webhooks, { webhookId, deliveryId }) => webhooks.redeliver(webhookId, deliveryId),
};
const OPAQUE = new Set([
  "data",
  "tool_input",
  "api_config",
  "variables",
  "fields",
  "definition",
  "overrides",
  "credential",
  "json",
  "headers",
  "query",
]);

const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const argumentsOf = (args) =>
  Object.fromEntries(Object.entries(args ?? {}).map(([name, value]) => [camel(name), value]));

/** A world in which time passes only when it is told to. */
class World {
  now = Date.parse("2026-03-01T09:00:00Z");
  sleeps = [];
  timers = new Set();
  seen = 0;
  bound = new Map();
  problems = [];

  constructor(script) {
    this.script = script;
  }

  advance(ms) {
    this.now += ms;
    for (const timer of [...this.timers]) {
      if (timer.at <= this.now && this.timers.delete(timer)) timer.run();
    }
  }

  runtime() {
    return {
      now: () => this.now,
      random: () => this.script.random ?? 0.5,
      after: (ms, run) => {
        const timer = { at: this.now + ms, run };
        this.timers.add(timer);
        return () => this.timers.delete(timer);
      },
      sleep: async (ms, signal) => {
        signal.throwIfAborted();
        this.sleeps.push(ms);
        this.advance(ms);
      },
    };
  }

  fetch = async (url, init) => {
    const exchange = (this.script.exchanges ?? [])[this.seen++];
    try {
      assert.ok(exchange, `unexpected request ${init.method} ${url.pathname}`);
      this.#check(exchange.request, url, init);
    } catch (error) {
      this.problems.push(error);
    }
    const { response, fault, takes_ms: takes = 0 } = exchange ?? { response: { status: 500 } };
    if (fault === "timeout")
      this.advance(Math.max(0, Math.min(...[...this.timers].map((timer) => timer.at)) - this.now));
    this.advance(takes);
    init.signal.throwIfAborted();
    if (fault) {
      const codes = {
        refused: "ECONNREFUSED",
        dns: "ENOTFOUND",
        tls: "DEPTH_ZERO_SELF_SIGNED_CERT",
        cut: "ECONNRESET",
      };
      throw new TypeError("fetch failed", { cause: Object.assign(new Error(fault), { code: codes[fault] }) });
    }
    const body = "json" in response ? JSON.stringify(response.json) : (response.text ?? "");
    const headers = { ...("json" in response ? { "content-type": "application/json" } : {}), ...response.headers };
    return new Response([204, 304].includes(response.status) ? null : body, { status: response.status, headers });
  };

  #check(expected, url, init) {
    assert.equal(init.method, expected.method);
    assert.equal(url.pathname, expected.path);
    const query = {};
    for (const name of new Set(url.searchParams.keys())) {
      const all = url.searchParams.getAll(name);
      query[name] = all.length > 1 ? all : all[0];
    }
    this.#match(query, expected.query ?? {}, "query");
    const { headers } = new Request(url, {
      method: init.method,
      headers: init.headers,
      ...(init.body ? { body: init.body } : {}),
    });
    for (const [name, value] of Object.entries(expected.headers ?? {}))
      this.#match(headers.get(name) ?? undefined, value, name);
    if ("form" in expected) {
      this.#match(Object.fromEntries(new URLSearchParams(init.body)), expected.form, "form");
      assert.match(headers.get("content-type"), /^application\/x-www-form-urlencoded/);
    } else if ("json" in expected) this.#match(JSON.parse(init.body), expected.json, "json");
    else assert.ok(init.body === undefined, `unexpected body ${init.body}`);
  }

  /** Compares exactly, but for matchers. */
  #match(actual, expected, at) {
    if (typeof expected !== "object" || expected === null) return assert.deepEqual(actual, expected, at);
    if (Array.isArray(expected)) {
      assert.equal(actual?.length, expected.length, at);
      return void expected.forEach((one, n) => void this.#match(actual[n], one, `${at}[${n}]`));
    }
    if ("$match" in expected) return assert.match(String(actual), new RegExp(expected.$match), at);
    if ("$any" in expected) return assert.notEqual(actual, undefined, at);
    if ("$absent" in expected) return assert.equal(actual, undefined, at);
    if ("$bind" in expected) {
      assert.ok(typeof actual === "string" && actual, at);
      return this.bound.set(expected.$bind, actual);
    }
    if ("$same" in expected) return assert.equal(actual, this.bound.get(expected.$same), at);
    if ("$differs" in expected) {
      assert.ok(typeof actual === "string" && actual, at);
      return assert.notEqual(actual, this.bound.get(expected.$differs), at);
    }
    const wanted = Object.keys(expected).filter((name) => !("$absent" in Object(expected[name])));
    assert.deepEqual(Object.keys(actual ?? {}).sort(), wanted.sort(), at);
    for (const name of Object.keys(expected)) this.#match(actual[name], expected[name], `${at}.${name}`);
  }
}

/** What the SDK gives under the names of the wire. */
function plain(value, opaque = false) {
  if (Array.isArray(value)) return value.map((one) => plain(one, opaque));
  if (value instanceof sdk.ProxyResponse) {
    let json;
    try {
      json = value.json();
    } catch {
      json = undefined;
    }
    return { status: value.status, execution_id: value.executionId, json };
  }
  if (value instanceof sdk.ValetkeyError) return { class: value.name, ...plain({ ...value, message: value.message }) };
  if (typeof value !== "object" || value === null) return value;
  if (opaque) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [snake(name), plain(inner, OPAQUE.has(snake(name)))]),
  );
}

const INSTANT = /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/;

function includes(actual, expected, at) {
  if (expected?.$any) return assert.ok(actual, at);
  if (expected?.$match) return assert.match(String(actual), new RegExp(expected.$match), at);
  if (expected === null)
    return assert.ok(actual === undefined || actual === null, `${at} is ${JSON.stringify(actual)}`);
  if (Array.isArray(expected)) {
    assert.equal(actual?.length, expected.length, `length of ${at}`);
    return void expected.forEach((one, n) => void includes(actual[n], one, `${at}[${n}]`));
  }
  if (typeof expected === "object") {
    assert.ok(typeof actual === "object" && actual !== null, `${at} is ${actual}`);
    return void Object.keys(expected).forEach((name) => void includes(actual[name], expected[name], `${at}.${name}`));
  }
  if (INSTANT.test(expected) && INSTANT.test(actual)) return assert.equal(Date.parse(actual), Date.parse(expected), at);
  assert.equal(actual, expected, at);
}

/** A webhook is verified alike whatever the server's framework gives as headers and body. */
function verified({ secret, headers, payload, now, toleranceS }) {
  const options = { now: new Date(now), toleranceMs: toleranceS && toleranceS * 1000 };
  const outcome = (...given) => {
    try {
      return { event: sdk.verifyWebhook(secret, ...given, options) };
    } catch (error) {
      return { error };
    }
  };
  const first = outcome(headers, payload);
  const second = outcome(new Headers(headers), Buffer.from(payload));
  assert.deepEqual(second.event, first.event);
  assert.equal(second.error?.code, first.error?.code);
  if (first.error) throw first.error;
  return first.event;
}

async function call(client, step) {
  const args = argumentsOf(step.args);
  if (step.call === "verify_webhook") return verified(args);
  if (step.call in WEBHOOKS) return WEBHOOKS[step.call](client.webhooks, args);
  const { connection, ...fields } = args;
  const name = camel(step.call);
  if (step.call === "create_connection") return client.connections.create(args);
  if (step.call === "list_connections") return client.connections.list(args);
  if (step.call === "list_connectors") return client.connections.listConnectors();
  if (step.call === "get_connector") return client.connections.getConnector(args.name);
  const own = CONNECTIONS[step.call];
  if (own)
    return Object.keys(fields).length > 0
      ? client.connections[own](connection, fields)
      : client.connections[own](connection);
  if (step.call === "wait_for_execution") {
    const { timeoutMs, ...rest } = args;
    return client.actions.waitForExecution(rest, { timeoutMs });
  }
  if ("calls" in args) return client.actions[name](args.calls.map(argumentsOf));
  return client.actions[name](args);
}

async function outcomeOf(makeClient, step, lines) {
  try {
    const value = await call(makeClient(lines), step);
    if (value?.[Symbol.asyncIterator] === undefined) return { value: plain(value) };
    const items = [];
    if (step.expect.take === 0) return { items };
    for await (const item of value) {
      items.push(plain(item));
      if (items.length === step.expect.take) break;
    }
    return { items };
  } catch (error) {
    return { error };
  }
}

function checkError(error, expected) {
  assert.ok(error instanceof sdk.ValetkeyError, error?.stack ?? String(error));
  assert.equal(error.name, expected.class, error.toString());
  for (const name of expected.is ?? []) assert.ok(error instanceof sdk[name], name);
  for (const [name, value] of Object.entries(expected.fields ?? {})) {
    const actual = error[camel(name)];
    includes(actual, value, name);
  }
  for (const piece of expected.text ?? [])
    assert.ok(
      [piece, camel(piece)].some((one) => String(error).includes(one)),
      `${piece} is not in ${error}`,
    );
  for (const piece of expected.text_lacks ?? []) assert.ok(!String(error).includes(piece), `${piece} is in ${error}`);
  for (const text of [String(error), error.stack, JSON.stringify(error)]) assert.ok(!text.includes("canary"), text);
}

async function play(script) {
  const world = new World(script);
  for (const name of VARIABLES) delete process.env[name];
  Object.assign(process.env, script.env);
  const given = script.client ?? { api_token: "vk_canary_token" };
  const options = argumentsOf(given.env_url === undefined ? { env_url: "https://valetkey.test", ...given } : given);
  if (options.envUrl === null || ("env" in script && "VALETKEY_URL" in script.env && given.env_url === undefined))
    delete options.envUrl;
  const lines = [];
  let client;
  const make = () => {
    client ??= new sdk.ValetkeyClient({
      ...options,
      fetch: world.fetch,
      runtime: world.runtime(),
      debug: (line) => lines.push(line),
    });
    return client;
  };
  for (const step of script.steps) {
    if ("advance_ms" in step) {
      world.advance(step.advance_ms);
      continue;
    }
    const { value, items, error } = await outcomeOf(make, step, lines);
    if (world.problems.length > 0) throw world.problems[0];
    if (step.expect.error) checkError(error, step.expect.error);
    else if (error) throw error;
    else if ("items" in step.expect) includes(items, step.expect.items, "items");
    else includes(value, step.expect.value, "value");
  }
  assert.equal(world.seen, (script.exchanges ?? []).length, "number of requests");
  const sleeps = script.sleeps_ms ?? [];
  assert.equal(world.sleeps.length, sleeps.length, `sleeps: ${world.sleeps}`);
  for (const [n, ms] of sleeps.entries()) assert.ok(Math.abs(world.sleeps[n] - ms) <= 1, `sleeps: ${world.sleeps}`);
  for (const line of lines) assert.ok(!line.includes("canary"), line);
  for (const name of VARIABLES) delete process.env[name];
}

test("conformance: the two packages are two", () => {
  assert.notEqual(PACKAGES.esm.ValetkeyClient, PACKAGES.cjs.ValetkeyClient);
});

for (const [format, installed] of Object.entries(PACKAGES)) {
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const scripts = files.sort().flatMap((file) => JSON.parse(readFileSync(`${folder}/${file}`, "utf8")).cases);
  test(`conformance of ${format}: there are cases`, () => assert.ok(scripts.length >= 215, `${scripts.length}`));
  for (const script of scripts) {
    test(`conformance of ${format}: ${script.name}`, () => {
      sdk = installed;
      return play(script);
    });
  }
}
