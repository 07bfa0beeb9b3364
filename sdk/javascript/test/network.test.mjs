// Real sockets: what breaks below HTTP, time-outs, proxies, certificates, cookies, reuse of connections, many callers.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ConfigurationError, ConnectionError, ServerError, TimeoutError, ValetkeyClient } from "valetkey";

const TOOL = { name: "t", connector: "c", provider: "C", definition: {} };
const VARIABLES = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];

/** A server on this machine that behaves as the path says. */
class Local {
  seen = [];
  connections = 0;
  tokens = 0;
  /** Only this token is accepted, if set. */
  accepted;

  constructor(create = createServer, options = {}) {
    this.server = create(options, (request, response) => this.#answer(request, response));
    this.server.on(create === createServer ? "connection" : "secureConnection", () => {
      this.connections += 1;
    });
  }

  async listen() {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }

  async #answer(request, response) {
    const json = (value, status = 200, headers = {}) => {
      response.writeHead(status, {
        "content-type": "application/json",
        "set-cookie": "session=one; Path=/",
        ...headers,
      });
      response.end(JSON.stringify(value));
    };
    request.resume();
    if (request.url === "/oauth/token") {
      this.tokens += 1;
      const token = `at_${this.tokens}`;
      // Long enough that all callers come to wait for it.
      await pause(50);
      return json({ access_token: token, expires_in: 3600 });
    }
    this.seen.push({ url: request.url, headers: request.headers });
    if (this.accepted && request.headers.authorization !== this.accepted) {
      return json({ error: { code: "unauthenticated", message: "No." } }, 401);
    }
    switch (request.url.split("/").pop()) {
      case "silent":
        return undefined;
      case "cut":
        return request.socket.destroy();
      case "half":
        response.writeHead(200, { "content-length": "100" });
        response.write('{"name":');
        return setTimeout(() => request.socket.destroy(), 10);
      case "trickle": {
        response.writeHead(200, { "content-length": "1000000" });
        const drip = setInterval(() => response.write(" "), 50);
        return response.on("close", () => clearInterval(drip));
      }
      case "garbled":
        response.writeHead(200, { "content-encoding": "gzip" });
        return response.end("this is no gzip");
      case "busy":
        return json({ error: { code: "overloaded", message: "Too much." } }, 503, { "retry-after": "20" });
      default:
        return json(TOOL);
    }
  }
}

let local;
const clients = [];

function client(options = {}) {
  const made = new ValetkeyClient({ envUrl: local.url, apiToken: "vk_1", maxRetries: 0, ...options });
  clients.push(made);
  return made;
}

async function refused(type, call) {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof type, error);
    return error;
  }
  return assert.fail(`${type.name} was expected`);
}

beforeEach(async () => {
  for (const name of VARIABLES) delete process.env[name];
  local = await new Local().listen();
});
afterEach(async () => {
  local.close();
  for (const made of clients.splice(0)) await made.close();
});

test("refused connection says so", async () => {
  const gone = await new Local().listen();
  gone.close();
  const error = await refused(ConnectionError, client({ envUrl: gone.url }).actions.getTool({ name: "t" }));
  assert.equal(error.code, "connection_refused");
  assert.ok(String(error).includes(`127.0.0.1:${gone.port}`));
});

test("unknown host says so", async () => {
  const error = await refused(
    ConnectionError,
    client({ envUrl: "http://nowhere.invalid" }).actions.getTool({ name: "t" }),
  );
  assert.equal(error.code, "connection_dns_failed");
});

for (const name of ["cut", "half"]) {
  test(`answer that is ${name} says so`, async () => {
    const error = await refused(ConnectionError, client().actions.getTool({ name }));
    assert.equal(error.code, "connection_failed");
  });
}

for (const name of ["silent", "trickle"]) {
  test(`answer that is ${name} is timed out`, async () => {
    const started = performance.now();
    const error = await refused(TimeoutError, client({ timeoutMs: 400 }).actions.getTool({ name }));
    assert.equal(error.code, "client_timeout");
    const took = performance.now() - started;
    assert.ok(took > 350 && took < 5000, `${took} ms`);
  });
}

test("body that cannot be decoded is an error of this SDK", async () => {
  const error = await refused(ConnectionError, client().actions.getTool({ name: "garbled" }));
  assert.equal(error.code, "connection_failed");
});

test("connection is reused and cookies are not kept", async () => {
  // Own certificates bring the SDK's own dispatcher, which belongs to nobody else.
  const { actions } = client({ ca: "-----BEGIN CERTIFICATE-----" });
  for (const name of "abcdefghij") assert.equal((await actions.getTool({ name })).name, "t");
  // The body can be read before its connection is free again: then the next request takes a second one.
  assert.ok(local.connections <= 2, `${local.connections}`);
  for (const { headers } of local.seen) assert.equal(headers.cookie, undefined);
});

test("fetch of the caller is told to keep no cookies and to follow no redirect", async () => {
  const asked = [];
  const fetch = async (_, init) => {
    asked.push(init);
    return Response.json(TOOL);
  };
  await client({ fetch }).actions.getTool({ name: "t" });
  assert.equal(asked[0].credentials, "omit");
  assert.equal(asked[0].redirect, "manual");
  assert.equal(new Headers(asked[0].headers).get("authorization"), "Bearer vk_1");
});

/** A proxy that opens tunnels to the local server, wherever they shall lead. */
async function tunnel() {
  const asked = [];
  const server = createServer();
  const sockets = new Set();
  server.on("connect", (request, socket) => {
    asked.push(request.url);
    const onward = connect(local.port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    for (const end of [socket, onward]) {
      sockets.add(end);
      end.on("error", () => {});
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, asked };
}

test("proxy is gone through, and spared hosts are not", async () => {
  const proxy = await tunnel();
  const target = { envUrl: "http://valetkey.invalid" };
  await client({ ...target, proxyUrl: proxy.url }).actions.getTool({ name: "t" });
  assert.deepEqual(proxy.asked, ["valetkey.invalid:80"]);
  process.env.HTTP_PROXY = proxy.url;
  await client(target).actions.getTool({ name: "u" });
  assert.equal(proxy.asked.length, 2);
  for (const spared of ["valetkey.invalid", ".invalid", "other.test, *.invalid", "valetkey.invalid:80", "*"]) {
    process.env.NO_PROXY = spared;
    const error = await refused(ConnectionError, client(target).actions.getTool({ name: "t" }));
    assert.equal(error.code, "connection_dns_failed", spared);
  }
  for (const other of ["key.invalid", "valetkey.invalid:443", "other.test"]) {
    process.env.NO_PROXY = other;
    await client(target).actions.getTool({ name: "t" });
  }
  assert.equal(proxy.asked.length, 5);
  await client().actions.getTool({ name: "loopback" });
  assert.equal(proxy.asked.length, 5);
});

test("proxy that is none is refused without showing it", async () => {
  const error = await refused(
    ConfigurationError,
    (async () => client({ envUrl: "http://valetkey.invalid", proxyUrl: "ftp://me:canary@proxy.test" }))(),
  );
  assert.equal(error.code, "client_misconfigured");
  assert.ok(!String(error).includes("canary"));
});

test("private certificate authority is trusted by file and by text, and by nobody else", async () => {
  const folder = mkdtempSync(join(tmpdir(), "valetkey-js-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    execFileSync("openssl", [...made, ...names, "-keyout", key, "-out", cert], { stdio: "ignore" });
    const secure = await new Local(createSecureServer, { key: readFileSync(key), cert: readFileSync(cert) }).listen();
    const envUrl = `https://127.0.0.1:${secure.port}`;
    try {
      await client({ envUrl, caFile: cert }).actions.getTool({ name: "t" });
      await client({ envUrl, ca: readFileSync(cert, "utf8") }).actions.getTool({ name: "t" });
      const proxy = await tunnel();
      const through = { envUrl: `https://localhost:${secure.port}`, proxyUrl: proxy.url, caFile: cert };
      const wrong = await refused(ConnectionError, client(through).actions.getTool({ name: "t" }));
      // The tunnel leads to the server that speaks no TLS.
      assert.equal(wrong.code, "connection_tls_failed");
      const untrusted = await refused(ConnectionError, client({ envUrl }).actions.getTool({ name: "t" }));
      assert.equal(untrusted.code, "connection_tls_failed");
      assert.ok(String(untrusted).includes("VALETKEY_CA_FILE"));
    } finally {
      secure.close();
    }
    const missing = client({ envUrl, caFile: join(folder, "none.pem") });
    const error = await refused(ConfigurationError, missing.actions.getTool({ name: "t" }));
    assert.ok(String(error).includes("none.pem"));
    await missing.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("many callers share one token, and one renewal of it", async () => {
  const { actions } = client({ apiToken: undefined, clientId: "vkc_1", clientSecret: "vks_1" });
  const many = (count) => Promise.all(Array.from({ length: count }, (_, n) => actions.getTool({ name: `t${n}` })));
  assert.equal((await many(24)).length, 24);
  assert.equal(local.tokens, 1);
  local.accepted = "Bearer at_2";
  assert.equal((await many(12)).length, 12);
  assert.equal(local.tokens, 2);
  assert.equal(local.seen.at(-1).headers.authorization, "Bearer at_2");
});

test("caller that leaves while a token is awaited leaves it to the others", async () => {
  const { actions } = client({ apiToken: undefined, clientId: "vkc_1", clientSecret: "vks_1" });
  const controller = new AbortController();
  const leaving = actions.getTool({ name: "a" }, { signal: controller.signal });
  const staying = actions.getTool({ name: "b" });
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(leaving, (error) => error === reason);
  assert.equal((await staying).name, "t");
  assert.equal(local.tokens, 1);
});

test("abort ends a request in flight with the caller's reason", async () => {
  const controller = new AbortController();
  const call = client().actions.getTool({ name: "silent" }, { signal: controller.signal });
  while (local.seen.length === 0) await pause(5);
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(call, (error) => error === reason);
});

test("abort ends the wait before a repeat at once", async () => {
  const lines = [];
  const { actions } = client({ maxRetries: 3, debug: (line) => lines.push(line) });
  const controller = new AbortController();
  const call = actions.getTool({ name: "busy" }, { signal: controller.signal });
  const started = performance.now();
  while (!lines.some((line) => line.includes("repeat 1"))) await pause(5);
  controller.abort();
  await assert.rejects(call, { name: "AbortError" });
  assert.ok(performance.now() - started < 5000);
  assert.equal(local.seen.length, 1);
});

test("wait for an execution ends in the middle of a question", async () => {
  const started = performance.now();
  const error = await refused(
    TimeoutError,
    client().actions.waitForExecution({ executionId: "silent" }, { timeoutMs: 300 }),
  );
  assert.equal(error.executionId, "silent");
  assert.ok(performance.now() - started < 5000);
});

test("client that is closed lets its connections go", async () => {
  const own = client({ ca: "-----BEGIN CERTIFICATE-----" });
  await own.actions.getTool({ name: "t" });
  const count = () => new Promise((resolve) => local.server.getConnections((_, open) => resolve(open)));
  assert.equal(await count(), 1);
  await own[Symbol.asyncDispose]();
  await own.close();
  const deadline = performance.now() + 5000;
  while ((await count()) > 0 && performance.now() < deadline) await pause(10);
  assert.equal(await count(), 0);
});

test("error of the server without a shape stays an error of this SDK", async () => {
  const fetch = async () => new Response("<html>", { status: 500 });
  const error = await refused(ServerError, client({ fetch }).actions.getTool({ name: "t" }));
  assert.equal(error.code, "http_500");
});
