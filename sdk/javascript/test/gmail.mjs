// A mail provider on this machine in the shape of Gmail's API and of an OAuth server, for the connector `gmail`.

import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

export const SCOPES =
  "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/gmail.readonly";

/** The provider. Tests set how it behaves. */
export class Gmail {
  tokens = 0;
  sent = 0;
  /** So many requests are refused for the rate limit. */
  limited = 0;
  /** Refreshes are refused. */
  refusing = false;
  /** What the next grant gets. */
  scopes = SCOPES;
  valid = new Set();

  static async start() {
    const provider = new Gmail();
    provider.server = createServer((request, response) => provider.#answer(request, response));
    provider.server.listen(0, "127.0.0.1");
    await once(provider.server, "listening");
    provider.url = `http://127.0.0.1:${provider.server.address().port}`;
    return provider;
  }

  /** The addresses for a connection. */
  get overrides() {
    const { url } = this;
    return {
      apiBaseUrl: url,
      authorizeUrl: `${url}/authorize`,
      tokenUrl: `${url}/token`,
      userinfoUrl: `${url}/userinfo`,
      revokeUrl: `${url}/revoke`,
    };
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }

  async #answer(request, response) {
    const url = new URL(request.url, this.url);
    const body = await text(request);
    const json = (status, value, headers = {}) => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(value));
    };
    const failed = (code, message, more, headers) => json(code, { error: { code, message, ...more } }, headers);
    if (url.pathname === "/authorize") {
      const back = new URL(url.searchParams.get("redirect_uri"));
      const fields = { code: "code", state: url.searchParams.get("state"), scope: SCOPES };
      for (const [name, value] of Object.entries(fields)) back.searchParams.set(name, value);
      return json(302, {}, { location: back.href });
    }
    if (url.pathname === "/userinfo") return json(200, { sub: "1", email: "ada@gmail.example" });
    if (url.pathname === "/revoke") return json(200, {});
    if (url.pathname === "/token") {
      if (this.refusing && body.includes("grant_type=refresh_token")) {
        return json(400, { error: "invalid_grant", error_description: "Token has been expired or revoked." });
      }
      this.tokens += 1;
      const token = `ya29.${this.tokens}`;
      this.valid = new Set([`Bearer ${token}`]);
      const grant = { access_token: token, refresh_token: "1//r", expires_in: 3600, token_type: "Bearer" };
      return json(200, { ...grant, scope: this.scopes });
    }
    if (!this.valid.has(request.headers.authorization)) {
      return failed(401, "Invalid Credentials", { status: "UNAUTHENTICATED" });
    }
    if (this.limited > 0) {
      this.limited -= 1;
      return failed(429, "Rate Limit Exceeded", { errors: [{ reason: "rateLimitExceeded" }] }, { "retry-after": "1" });
    }
    if (url.pathname.endsWith("/profile")) {
      return json(200, { emailAddress: "ada@gmail.example", messagesTotal: 3, threadsTotal: 2, historyId: "7" });
    }
    if (url.pathname.endsWith("/messages/send")) {
      this.sent += 1;
      return json(200, { id: "m_1", threadId: "t_1", labelIds: ["SENT"] });
    }
    return failed(404, "Not Found", { status: "NOT_FOUND" });
  }
}
