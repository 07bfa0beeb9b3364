import { Bearer, type IssuedToken } from "./auth.js";
import { Deadline } from "./deadline.js";
import type { DebugLog } from "./debug.js";
import {
  type FailedAnswer,
  type Failure,
  failureOf,
  failureOfItem,
  tokenFailureOf,
  unreadable,
} from "./error-answers.js";
import { networkFailureOf } from "./error-network.js";
import { TimeoutError, ValetkeyError } from "./errors.js";
import type { Settings, SharedOptions } from "./options.js";
import { type Attempt, isPassing, mayRepeat, waitMs } from "./retry.js";
import type { Runtime } from "./runtime.js";
import { VERSION } from "./version.js";
import { fromWire, toWire } from "./wire.js";

/** What a query may hold; `undefined` and `null` are left out. */
export type Query = Record<string, string | number | boolean | readonly string[] | null | undefined>;

/** One request of the API. */
export interface Call {
  method: string;
  path: string;
  query?: Query;
  /** Sent as JSON, with names of the wire. */
  json?: unknown;
  /** Sent as it is. */
  body?: NonNullable<RequestInit["body"]>;
  headers?: Record<string, string>;
  /** Whether it may be repeated although it may have been carried out. */
  repeatable: boolean;
  /** Whether an answer is the provider's own, to be handed on whatever its status. */
  handedOn?: (headers: Headers) => boolean;
}

/** One answer, read to its end. */
export interface Answer {
  status: number;
  headers: Headers;
  bytes: Uint8Array;
}

class Failed {
  constructor(
    readonly attempt: Attempt,
    readonly status: number | undefined,
    /** The provider's answer, to be handed on if no repeat helps. */
    readonly answer?: Answer,
  ) {}
}

/** Sends requests: with the token, within the time, repeated where that is safe. */
export class Http {
  readonly #settings: Settings;
  readonly #runtime: Runtime;
  readonly #log: DebugLog;
  readonly #bearer: Bearer;

  constructor(settings: Settings, runtime: Runtime, log: DebugLog) {
    this.#settings = settings;
    this.#runtime = runtime;
    this.#log = log;
    this.#bearer = new Bearer(settings.credentials, (id, secret) => this.#issue(id, secret), runtime.now, log);
  }

  get runtime(): Runtime {
    return this.#runtime;
  }

  /** The options of a call that takes more than one request, under one time-out, which begins now. */
  begin(options: SharedOptions): SharedOptions & { endsAt: number } {
    return { ...options, endsAt: options.endsAt ?? this.#runtime.now() + this.#timeoutMs(options) };
  }

  /** The answers to many calls in one: a success or an error for each. */
  async results(call: Call, count: number, options: SharedOptions = {}): Promise<(object | ValetkeyError)[]> {
    const answer = await this.send(call, options);
    const failed = this.#failed(call, answer);
    const body = this.#parse(call, answer) as { results?: unknown } | null;
    const results: unknown[] = Array.isArray(body?.results) ? body.results : [];
    if (results.length !== count) throw unreadable(failed);
    return results.map((one) => {
      if (typeof one !== "object" || one === null) return unreadable(failed);
      const { error } = one as { error?: unknown };
      if (typeof error !== "object" || error === null) return fromWire(one) as object;
      return failureOfItem(error as Record<string, unknown>, (one as { http_status?: unknown }).http_status, failed);
    });
  }

  /** The answer's JSON object under JavaScript's names; `undefined` for deletions, whose answer says nothing. */
  async json(call: Call, options: SharedOptions = {}): Promise<unknown> {
    const answer = await this.send(call, options);
    if (call.method === "DELETE") return undefined;
    const value = this.#parse(call, answer);
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw unreadable(this.#failed(call, answer));
    return fromWire(value);
  }

  /** The answer, if it is a success or the provider's own. */
  async send(call: Call, options: SharedOptions = {}): Promise<Answer> {
    const deadline = this.#deadline(call, options);
    try {
      let renewed = false;
      for (let repeats = 0; ; ) {
        const token = await deadline.race(this.#bearer.token());
        const outcome = await this.#attempt(call, { authorization: `Bearer ${token}` }, deadline, failureOf);
        if (!(outcome instanceof Failed)) return outcome;
        if (outcome.status === 401 && this.#bearer.renewable) {
          this.#bearer.drop(token);
          if (!renewed) {
            renewed = true;
            continue;
          }
        }
        try {
          await this.#pause(call, outcome.attempt, repeats, deadline, options);
        } catch (thrown) {
          if (outcome.answer && thrown === outcome.attempt.error) return outcome.answer;
          throw thrown;
        }
        repeats += 1;
      }
    } finally {
      deadline.end();
    }
  }

  /** RFC 6749 §4.4: an access token for client id and secret. */
  async #issue(id: string, secret: string): Promise<IssuedToken> {
    const call: Call = {
      method: "POST",
      path: "/oauth/token",
      body: new URLSearchParams({ grant_type: "client_credentials", client_id: id, client_secret: secret }),
      repeatable: true,
    };
    const deadline = this.#deadline(call, {});
    try {
      for (let repeats = 0; ; repeats += 1) {
        const outcome = await this.#attempt(call, {}, deadline, tokenFailureOf);
        if (!(outcome instanceof Failed)) return this.#issued(call, outcome);
        await this.#pause(call, outcome.attempt, repeats, deadline, {});
      }
    } finally {
      deadline.end();
    }
  }

  #issued(call: Call, answer: Answer): IssuedToken {
    const body = this.#parse(call, answer);
    const { access_token: token, expires_in: seconds } = (body ?? {}) as Record<string, unknown>;
    if (typeof token !== "string" || token === "") throw unreadable(this.#failed(call, answer));
    // RFC 6749 §5.1 lets a server leave expires_in out; then the token is taken to live five minutes.
    return { token, lifeMs: (typeof seconds === "number" ? seconds : 300) * 1000 };
  }

  #deadline(call: Call, options: SharedOptions): Deadline {
    const timeoutMs = this.#timeoutMs(options);
    return new Deadline(this.#runtime, this.begin(options).endsAt, options.signal, () => timedOut(call, timeoutMs));
  }

  #timeoutMs(options: SharedOptions): number {
    return options.timeoutMs ?? this.#settings.timeoutMs;
  }

  async #attempt(
    call: Call,
    authorization: Record<string, string>,
    deadline: Deadline,
    explain: (answer: FailedAnswer) => Failure,
  ): Promise<Answer | Failed> {
    const { method, path } = call;
    const url = this.#url(call);
    const started = this.#runtime.now();
    this.#log.request(method, path, call.json ?? call.query);
    let answer: Answer;
    try {
      deadline.signal.throwIfAborted();
      answer = await this.#exchange(call, url, authorization, deadline.signal);
    } catch (thrown) {
      if (deadline.signal.aborted) throw deadline.signal.reason;
      if (thrown instanceof ValetkeyError) throw thrown;
      const { error, sent, passes } = networkFailureOf(thrown, url);
      this.#log.failure(method, path, error);
      return new Failed({ error, sent, passes }, undefined);
    }
    const { status, headers } = answer;
    const good = (status >= 200 && status < 300) || call.handedOn?.(headers) === true;
    const content = call.handedOn || path === "/oauth/token" ? undefined : tryParse(answer.bytes);
    this.#log.answer(
      method,
      path,
      status,
      this.#runtime.now() - started,
      headers.get("x-request-id"),
      good ? content : undefined,
    );
    if (good && call.handedOn && call.repeatable && isPassing(status)) {
      // What the body says is the provider's business; only status and Retry-After count here.
      const { error } = explain({ ...this.#failed(call, answer), text: "" });
      return new Failed({ error, sent: true, passes: true }, undefined, answer);
    }
    if (good) return answer;
    const { error, never } = explain(this.#failed(call, answer));
    this.#log.failure(method, path, error);
    return new Failed({ error, sent: true, passes: !never }, status);
  }

  async #exchange(call: Call, url: URL, authorization: Record<string, string>, signal: AbortSignal): Promise<Answer> {
    const headers: Record<string, string> = {
      accept: "application/json",
      "user-agent": `valetkey-javascript/${VERSION}`,
      ...(call.json === undefined ? {} : { "content-type": "application/json" }),
      ...call.headers,
      ...authorization,
    };
    const body = call.json === undefined ? call.body : JSON.stringify(toWire(call.json));
    const response = await this.#runtime.fetch(url, {
      method: call.method,
      headers,
      signal,
      redirect: "manual",
      // A fetch of the caller's may keep cookies that providers send with proxied answers, of all users.
      credentials: "omit",
      ...(body === undefined ? {} : { body }),
    });
    return { status: response.status, headers: response.headers, bytes: new Uint8Array(await response.arrayBuffer()) };
  }

  /** Waits before the next attempt, or throws the error if there shall be none. */
  async #pause(
    call: Call,
    attempt: Attempt,
    repeats: number,
    deadline: Deadline,
    options: SharedOptions,
  ): Promise<void> {
    const { error } = attempt;
    const most = options.maxRetries ?? this.#settings.maxRetries;
    if (repeats >= most || !mayRepeat(attempt, call.repeatable)) throw error;
    if ((error.retryAfterMs ?? 0) > this.#settings.maxRetryAfterMs) throw error;
    const wait = waitMs(error, repeats, this.#runtime.random());
    if (wait >= deadline.leftMs) throw error;
    this.#log.note(`repeat ${repeats + 1} of ${call.method} ${call.path} in ${Math.round(wait)} ms [${error.code}]`);
    await this.#runtime.sleep(wait, deadline.signal);
  }

  #url(call: Call): URL {
    const url = new URL(this.#settings.baseUrl);
    const [path = "", ownQuery] = call.path.split(/\?(.*)/s);
    url.pathname = `${url.pathname.replace(/\/$/, "")}${path}`;
    const query = new URLSearchParams(ownQuery);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value === undefined || value === null) continue;
      for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
    }
    url.search = query.toString();
    return url;
  }

  #failed(call: Call, answer: Answer): FailedAnswer {
    return {
      status: answer.status,
      headers: answer.headers,
      text: new TextDecoder().decode(answer.bytes),
      method: call.method,
      path: call.path,
      now: this.#runtime.now(),
    };
  }

  #parse(call: Call, answer: Answer): unknown {
    try {
      return JSON.parse(new TextDecoder().decode(answer.bytes));
    } catch (error) {
      throw unreadable(this.#failed(call, answer), error);
    }
  }
}

function tryParse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function timedOut(call: Call, timeoutMs: number): TimeoutError {
  return new TimeoutError({
    code: "client_timeout",
    message: `${call.method} ${call.path} had no answer within ${timeoutMs / 1000} s.`,
    cause: "The time that the caller allows for the call, its retries included, is over.",
    remedies: [
      { action: "retry", text: whatNext(call) },
      { action: "check_network", text: "If nothing answers at all, check that the server runs and can be reached." },
    ],
  });
}

function whatNext({ method, headers }: Call): string {
  if (headers?.["idempotency-key"] !== undefined) {
    return "The tool may have run: look for its execution with listExecutions before you call it again, or call it under the same idempotencyKey. Run slow tools with executeToolAsync, or give a longer timeoutMs.";
  }
  return method === "GET" || method === "HEAD"
    ? "Try again, with a longer timeoutMs if the call takes long."
    : "Look first whether it happened before you call again; give a longer timeoutMs if the call takes long.";
}
