import { askedForByEnvironment, type LogSink } from "./debug.js";
import { ConfigurationError } from "./errors.js";
import type { Runtime } from "./runtime.js";

/** How a client is set up. What is left out comes from the environment variable named with it. */
export interface ValetkeyClientOptions {
  /** The server's address, such as `https://valetkey.example.com`. `VALETKEY_URL` or `VALETKEY_ENV_URL`. */
  envUrl?: string | undefined;
  /** The id of an API client: `vkc_…`. `VALETKEY_CLIENT_ID`. */
  clientId?: string | undefined;
  /** Its secret: `vks_…`. `VALETKEY_CLIENT_SECRET`. */
  clientSecret?: string | undefined;
  /** A static API token, instead of client id and secret: `vk_…`. `VALETKEY_API_TOKEN`. */
  apiToken?: string | undefined;
  /** A PEM file with the only certificate authorities to trust, for private certificates. `VALETKEY_CA_FILE`. */
  caFile?: string | undefined;
  /** The same as PEM text. */
  ca?: string | undefined;
  /** An HTTP proxy to reach the server through. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, which loopback ignores. */
  proxyUrl?: string | undefined;
  /** How long one call may take in all, its retries and waits included, in milliseconds. Default: 60 000. */
  timeoutMs?: number | undefined;
  /** How often a call is repeated at most, where repeating is safe. Default: 3. */
  maxRetries?: number | undefined;
  /** The longest wait that the server may ask for before a repeat, in milliseconds. Default: 30 000. */
  maxRetryAfterMs?: number | undefined;
  /**
   * Writes a line per request and answer to stderr, or hands it to a function of yours. No line holds a secret.
   * `DEBUG=valetkey` or `NODE_DEBUG=valetkey` in the environment do the same.
   */
  debug?: boolean | LogSink | undefined;
  /** Sends requests instead of the global `fetch`; then `caFile`, `ca` and `proxyUrl` are its own business. */
  fetch?: ((url: URL, init: RequestInit) => Promise<Response>) | undefined;
  /** Clock, timers and randomness, for tests. */
  runtime?: Partial<Runtime> | undefined;
}

/** What every call accepts beside its arguments. */
export interface CallOptions {
  /** Ends the call when it aborts; the call then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Another time-out than the client's, in milliseconds. */
  timeoutMs?: number | undefined;
  /** Another limit of repeats than the client's. */
  maxRetries?: number | undefined;
}

/** The options of one call that takes more than one request: they share its time. */
export interface SharedOptions extends CallOptions {
  /** When the call must have ended, in milliseconds since 1970. */
  endsAt?: number | undefined;
}

/** Who the client is for the server. */
export type Credentials = { kind: "token"; token: string } | { kind: "client"; id: string; secret: string };

/** The options with everything filled in. */
export interface Settings {
  baseUrl: URL;
  credentials: Credentials;
  caFile: string | undefined;
  ca: string | undefined;
  proxyUrl: string | undefined;
  timeoutMs: number;
  maxRetries: number;
  maxRetryAfterMs: number;
  log: LogSink | undefined;
}

function misconfigured(message: string, remedy: string): ConfigurationError {
  return new ConfigurationError({
    code: "client_misconfigured",
    message,
    cause: "The client cannot send requests as it is set up.",
    remedies: [{ action: "fix_request", text: remedy }],
  });
}

/** Fills in the options from the environment. */
export function settingsOf(options: ValetkeyClientOptions, env: NodeJS.ProcessEnv): Settings {
  return {
    baseUrl: baseUrlOf(options.envUrl || env["VALETKEY_URL"] || env["VALETKEY_ENV_URL"]),
    credentials: credentialsOf(options, env),
    ca: options.ca || undefined,
    caFile: options.ca ? undefined : options.caFile || env["VALETKEY_CA_FILE"] || undefined,
    proxyUrl: options.proxyUrl || undefined,
    timeoutMs: count("timeoutMs", options.timeoutMs, 60_000, 1),
    maxRetries: count("maxRetries", options.maxRetries, 3, 0),
    maxRetryAfterMs: count("maxRetryAfterMs", options.maxRetryAfterMs, 30_000, 0),
    log: logOf(options.debug, env),
  };
}

function baseUrlOf(text: string | undefined): URL {
  if (!text) {
    throw misconfigured("The server's URL is missing.", "Set envUrl, or VALETKEY_URL in the environment.");
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url && (url.protocol === "https:" || url.protocol === "http:") && !url.username && !url.password;
  if (!plain || url.search || url.hash) {
    // The text itself stays out of the message: it may hold a password.
    throw misconfigured(
      "The server's URL is not usable.",
      "Set envUrl (VALETKEY_URL) to http:// or https://, host and port, without user, password, query or fragment.",
    );
  }
  url.pathname = url.pathname.replace(/\/+$/, "");
  return url;
}

function credentialsOf(options: ValetkeyClientOptions, env: NodeJS.ProcessEnv): Credentials {
  if (options.apiToken && (options.clientId || options.clientSecret)) {
    throw misconfigured("There are two kinds of credentials.", "Set either apiToken, or clientId and clientSecret.");
  }
  if (options.apiToken) return { kind: "token", token: options.apiToken };
  // What the program says about the client wins over a token that happens to be in the environment.
  const named = Boolean(options.clientId || options.clientSecret);
  if (!named && env["VALETKEY_API_TOKEN"]) return { kind: "token", token: env["VALETKEY_API_TOKEN"] };
  const id = options.clientId || env["VALETKEY_CLIENT_ID"];
  const secret = options.clientSecret || env["VALETKEY_CLIENT_SECRET"];
  if (id && secret) return { kind: "client", id, secret };
  throw misconfigured(
    id || secret ? `${id ? "clientSecret" : "clientId"} is missing.` : "There are no credentials.",
    "Set clientId and clientSecret (VALETKEY_CLIENT_ID, VALETKEY_CLIENT_SECRET), or apiToken (VALETKEY_API_TOKEN).",
  );
}

function count(name: string, value: number | undefined, otherwise: number, least: number): number {
  if (value === undefined) return otherwise;
  if (Number.isFinite(value) && value >= least) return value;
  throw misconfigured(`${name} is ${value}.`, `Set ${name} to a number from ${least} on.`);
}

function logOf(debug: ValetkeyClientOptions["debug"], env: NodeJS.ProcessEnv): LogSink | undefined {
  if (typeof debug === "function") return debug;
  const wanted = debug ?? askedForByEnvironment(env);
  return wanted ? (line) => process.stderr.write(`${new Date().toISOString()} ${line}\n`) : undefined;
}
