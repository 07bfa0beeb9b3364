import type { DebugLog } from "./debug.js";
import type { Credentials } from "./options.js";

/** An access token and when it stops working, in milliseconds since 1970. */
export interface IssuedToken {
  token: string;
  lifeMs: number;
}

/** A token is renewed this long before its end at the latest. */
const MARGIN_MS = 60_000;

/** The bearer token of every request: the given one, or an access token that is kept and renewed. */
export class Bearer {
  readonly #credentials: Credentials;
  readonly #issue: (id: string, secret: string) => Promise<IssuedToken>;
  readonly #now: () => number;
  readonly #log: DebugLog;
  #kept: { token: string; renewAt: number } | undefined;
  #pending: Promise<string> | undefined;

  constructor(
    credentials: Credentials,
    issue: (id: string, secret: string) => Promise<IssuedToken>,
    now: () => number,
    log: DebugLog,
  ) {
    this.#credentials = credentials;
    this.#issue = issue;
    this.#now = now;
    this.#log = log;
    log.hide(credentials.kind === "token" ? credentials.token : credentials.secret);
  }

  /** Whether another token can be had when one is refused. */
  get renewable(): boolean {
    return this.#credentials.kind === "client";
  }

  /** The token to send now. Callers that come while one is being issued wait for the same. */
  token(): Promise<string> {
    const credentials = this.#credentials;
    if (credentials.kind === "token") return Promise.resolve(credentials.token);
    if (this.#kept && this.#now() < this.#kept.renewAt) return Promise.resolve(this.#kept.token);
    this.#pending ??= this.#renew(credentials.id, credentials.secret).finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  /** Forgets a token that was refused, unless another one has taken its place. */
  drop(token: string): void {
    if (this.#kept?.token === token) this.#kept = undefined;
  }

  async #renew(id: string, secret: string): Promise<string> {
    const asked = this.#now();
    const { token, lifeMs } = await this.#issue(id, secret);
    this.#log.hide(token);
    this.#kept = { token, renewAt: asked + lifeMs - Math.min(MARGIN_MS, lifeMs / 10) };
    return token;
  }
}
