// The SDK, the simulator behind the connection `sandbox`, and the pages an end user sees, without a browser.
//
// The server is named by VALETKEY_URL, VALETKEY_CLIENT_ID, VALETKEY_CLIENT_SECRET and VALETKEY_CA_FILE. Node must
// have been started with NODE_EXTRA_CA_CERTS set to the last one.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import https from "node:https";
import scalekit from "@scalekit-sdk/node";

export const sdk = scalekit;
const { VALETKEY_URL: url, VALETKEY_CLIENT_ID: id, VALETKEY_CLIENT_SECRET: secret, VALETKEY_CA_FILE: caFile } = process.env;
const ca = readFileSync(caFile);

/** An SDK client; as configured unless told otherwise. */
export function newClient(options = {}) {
  return new scalekit.ScalekitClient(options.url ?? url, id, options.secret ?? secret);
}

/** An end user that nobody else uses. */
export function newUser() {
  return `user-${randomUUID().slice(0, 12)}`;
}

/** One HTTPS request; redirects are not followed. */
function send(address, { method = "GET", headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = https.request(address, { method, headers, ca, timeout: 60_000 }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () =>
        resolve({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(chunks).toString(), url: address }),
      );
    });
    request.on("error", reject);
    request.on("timeout", () => request.destroy(new Error(`no answer from ${new URL(address).pathname}`)));
    request.end(body);
  });
}

/** A browser without scripts: keeps cookies by name and host. */
class Browser {
  #cookies = new Map();

  async #send(address, options = {}) {
    const host = new URL(address).host;
    const cookie = [...(this.#cookies.get(host) ?? new Map())].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await send(address, { ...options, headers: { ...options.headers, ...(cookie && { cookie }) } });
    for (const line of answer.headers["set-cookie"] ?? []) {
      const [name, ...value] = line.split(";")[0].split("=");
      if (!this.#cookies.has(host)) this.#cookies.set(host, new Map());
      this.#cookies.get(host).set(name, value.join("="));
    }
    return answer;
  }

  get(address) {
    return this.#send(address);
  }

  post(address, fields) {
    return this.#send(address, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(fields).toString(),
    });
  }
}

/** The first form of a page: where it goes and its hidden fields. */
function formOf(page) {
  assert.equal(page.status, 200, page.text.slice(0, 2000));
  const unescape = (text) =>
    text.replaceAll("&quot;", '"').replaceAll("&#34;", '"').replaceAll("&#39;", "'").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
  const attribute = (tag, name) => {
    const found = new RegExp(`\\b${name}="([^"]*)"`).exec(tag);
    return found && unescape(found[1]);
  };
  const [form] = /<form\b[^>]*>[\s\S]*?<\/form>/.exec(page.text) ?? assert.fail(page.text.slice(0, 2000));
  const fields = {};
  for (const [input] of form.matchAll(/<input\b[^>]*>/g)) {
    if (attribute(input, "type") === "hidden") fields[attribute(input, "name")] = attribute(input, "value") ?? "";
  }
  return { action: new URL(attribute(form, "action") ?? page.url, page.url).href, fields };
}

/** Goes through a link as an end user does; gives the answer to the callback. */
export async function consent(link, decision = "allow") {
  const browser = new Browser();
  const page = formOf(await browser.get(link));
  const started = await browser.post(page.action, page.fields);
  assert.ok(started.headers.location, `${started.status} ${started.text.slice(0, 2000)}`);
  const shown = formOf(await browser.get(started.headers.location));
  delete shown.fields.scopes_shown;
  const decided = await browser.post(shown.action, { ...shown.fields, user: "ada", decision });
  assert.ok(decided.headers.location, `${decided.status} ${decided.text.slice(0, 2000)}`);
  return browser.get(decided.headers.location);
}

/** The provider, told to misbehave. */
export class Sandbox {
  #base;

  static async find() {
    const base = url.replace(/\/$/, "");
    const form = new URLSearchParams({ grant_type: "client_credentials", client_id: id, client_secret: secret });
    const token = await send(`${base}/oauth/token`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: form.toString(),
    });
    assert.equal(token.status, 200, token.text);
    const authorization = `Bearer ${JSON.parse(token.text).access_token}`;
    const connection = await send(`${base}/v1/connect/connections/sandbox`, { headers: { authorization } });
    assert.equal(connection.status, 200, connection.text);
    const sandbox = new Sandbox();
    sandbox.#base = JSON.parse(connection.text).overrides.api_base_url.replace(/\/api\/v1\/?$/, "");
    return sandbox;
  }

  async #control(path, body) {
    const headers = { "content-type": "application/json" };
    const answer = await send(`${this.#base}/_sim/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    assert.ok(answer.status < 300, answer.text);
  }

  /** Has the next API calls answered with an HTTP status. */
  fail(status, times = 1) {
    return this.#control("faults", { endpoint: "api", kind: "status", status, times });
  }

  /** Forgets faults that were not used up. */
  clearFaults() {
    return this.#control("faults/clear", {});
  }

  /** How many API calls have arrived. */
  async calls() {
    const journal = JSON.parse((await send(`${this.#base}/_sim/journal`)).text);
    return (journal.entries ?? journal).filter((entry) => entry.path.startsWith("/api/")).length;
  }
}
