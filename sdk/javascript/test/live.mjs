// The real server with its simulator, and an end user with just enough of a browser.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Agent, fetch as send } from "undici";
import { ValetkeyClient } from "valetkey";

/** The first truthy value of `condition`. */
export async function waitFor(condition, what, seconds = 30) {
  const deadline = performance.now() + seconds * 1000;
  while (performance.now() < deadline) {
    const value = await condition();
    if (value) return value;
    await pause(20);
  }
  throw new assert.AssertionError({ message: `${what}: not within ${seconds} s` });
}

function text(html) {
  const named = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", "#x27": "'" };
  return html.replace(/&(#?\w+);/g, (all, name) => named[name] ?? all);
}

function attributes(tag) {
  const found = [...tag.matchAll(/([a-zA-Z-]+)(?:="([^"]*)")?/g)].slice(1);
  return Object.fromEntries(found.map(([, name, value]) => [name.toLowerCase(), text(value ?? "")]));
}

/** The first form of a page: where it goes and its fields. */
export function formOf({ url, html }) {
  const [, opening, inner] = html.match(/(<form\b[^>]*>)([\s\S]*?)<\/form>/) ?? assert.fail(html.slice(0, 2000));
  const { action, method } = attributes(opening.slice(1, -1));
  const fields = new URLSearchParams();
  for (const [tag] of inner.matchAll(/<input\b[^>]*>/g)) {
    const { name, value, type, ...others } = attributes(tag.slice(1, -1));
    const choice = type === "radio" || type === "checkbox";
    if (name && type !== "submit" && (!choice || "checked" in others)) fields.append(name, value ?? "");
  }
  return { action: new URL(action || url, url), method: (method || "get").toUpperCase(), fields };
}

/** A browser: it keeps cookies by host and follows redirects. */
export class Browser {
  #cookies = new Map();
  #dispatcher;

  constructor(ca) {
    this.#dispatcher = new Agent({ connect: { ca } });
  }

  async open(url, { method = "GET", fields } = {}) {
    let at = new URL(url);
    let request = { method, ...(fields ? { body: fields } : {}) };
    for (let hops = 0; hops < 20; hops += 1) {
      const jar = this.#cookies.get(at.host) ?? new Map();
      this.#cookies.set(at.host, jar);
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
      const headers = cookie ? { cookie } : {};
      const answer = await send(at, { ...request, headers, redirect: "manual", dispatcher: this.#dispatcher });
      for (const line of answer.headers.getSetCookie()) {
        const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
        jar.set(name, value);
      }
      const location = answer.headers.get("location");
      if (!location || answer.status < 300 || answer.status > 399) {
        const html = await answer.text();
        assert.ok(answer.ok, `${answer.status} ${html.slice(0, 2000)}`);
        return { url: at, html };
      }
      await answer.arrayBuffer();
      at = new URL(location, at);
      request = { method: "GET" };
    }
    throw new assert.AssertionError({ message: `too many redirects to ${at}` });
  }

  submit({ action, method, fields }) {
    if (method !== "GET") return this.open(action, { method, fields });
    const url = new URL(action);
    url.search = fields.toString();
    return this.open(url);
  }

  close() {
    return this.#dispatcher.close();
  }
}

/** A running `valetkey dev` in a folder of its own; it ends with the tests of the file. */
export class LiveServer {
  static async start(...options) {
    const server = new LiveServer(options);
    try {
      await server.#ready();
    } catch (error) {
      // A file whose own code fails runs no hooks.
      await server.stop();
      throw error;
    }
    after(() => server.stop());
    return server;
  }

  constructor(options) {
    assert.ok(process.env.VALETKEY_BIN, "VALETKEY_BIN names the server's binary");
    this.folder = mkdtempSync(join(tmpdir(), "valetkey-js-"));
    this.log = join(this.folder, "server.log");
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("VALETKEY_"));
    const out = openSync(this.log, "w");
    const data = ["--data-dir", join(this.folder, "data"), "--env-file", join(this.folder, "env")];
    this.process = spawn(process.env.VALETKEY_BIN, ["dev", "--listen", "127.0.0.1:0", ...data, ...options], {
      cwd: this.folder,
      env: Object.fromEntries(inherited),
      stdio: ["ignore", out, out],
    });
    closeSync(out);
    // A binary that is not there has neither a process id nor an exit code, only this.
    this.process.on("error", (error) => {
      this.failed = error;
    });
  }

  async #ready() {
    const file = join(this.folder, "env");
    await waitFor(() => {
      if (this.failed) throw this.failed;
      assert.equal(this.process.exitCode, null, readFileSync(this.log, "utf8"));
      return existsSync(file);
    }, "the server writes its environment file");
    const lines = readFileSync(file, "utf8").matchAll(/^(?:export )?(\w+)=(?:'([^'\n]*)'|"([^"\n]*)"|(.*))$/gm);
    this.env = Object.fromEntries([...lines].map(([, name, a, b, c]) => [name, a ?? b ?? c]));
    this.ca = readFileSync(this.env.VALETKEY_CA_FILE, "utf8");
    this.dispatcher = new Agent({ connect: { ca: this.ca } });
    const client = this.client();
    const { overrides } = await client.connections.get("sandbox");
    await client.close();
    this.simulator = new URL(overrides.apiBaseUrl).origin;
  }

  /** What clients of this server are made with. */
  get options() {
    return {
      envUrl: this.env.VALETKEY_URL,
      clientId: this.env.VALETKEY_CLIENT_ID,
      clientSecret: this.env.VALETKEY_CLIENT_SECRET,
      caFile: this.env.VALETKEY_CA_FILE,
    };
  }

  client(options = {}) {
    return new ValetkeyClient({ ...this.options, ...options });
  }

  /** Tells the simulator to do something. */
  async simulate(what, fields = {}) {
    const answer = await send(`${this.simulator}/_sim/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(fields),
      dispatcher: this.dispatcher,
    });
    const body = await answer.text();
    assert.ok(answer.ok, body);
    return body ? JSON.parse(body) : undefined;
  }

  /** What an end user does with a link: Continue, choose who to be, Allow; gives the last page. */
  async authorize(link, user) {
    const browser = new Browser(this.ca);
    try {
      const consent = await browser.submit(formOf(await browser.open(link)));
      const form = formOf(consent);
      for (const name of ["scopes_shown", "scope"]) form.fields.delete(name);
      form.fields.set("user", user);
      form.fields.set("decision", "allow");
      return await browser.submit(form);
    } finally {
      await browser.close();
    }
  }

  /** Makes an `ACTIVE` account of a user of the simulator. */
  async connect(client, identifier, user, request = {}) {
    const key = { identifier, connectionName: "sandbox" };
    const { link } = await client.actions.getAuthorizationLink({ ...key, ...request });
    await this.authorize(link, user);
    const account = await client.actions.getConnectedAccount(key);
    assert.equal(account.status, "ACTIVE");
    return account;
  }

  async stop() {
    await this.dispatcher?.close();
    if (this.process.pid !== undefined && this.process.exitCode === null) {
      const ended = once(this.process, "exit");
      this.process.kill();
      const late = setTimeout(() => this.process.kill("SIGKILL"), 20_000);
      await ended;
      clearTimeout(late);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
