import type { ValetkeyError } from "./errors.js";

/** Writes one line of the debug log. */
export type LogSink = (line: string) => void;

/**
 * The fields of requests and answers that may be logged. Everything else is left out: credentials, tokens, links, tool
 * inputs and outputs never reach the log, whatever they are called.
 */
const SHOWN: ReadonlySet<string> = new Set([
  "id",
  "identifier",
  "connection_name",
  "connected_account_id",
  "connector",
  "tool_name",
  "name",
  "status",
  "mode",
  "page_size",
  "limit",
  "probe",
  "execution_id",
  "total_size",
  "verdict",
]);

/** Shorter secrets would hide parts of ordinary words. */
const SHORTEST_SECRET = 6;

/** The debug log. */
export class DebugLog {
  readonly #sink: LogSink | undefined;
  readonly #secrets = new Set<string>();

  constructor(sink: LogSink | undefined) {
    this.#sink = sink;
  }

  /** Remembers a secret of this client, so that no line shows it even if a server repeats it. */
  hide(secret: string): void {
    if (this.#sink && secret.length >= SHORTEST_SECRET) this.#secrets.add(secret);
  }

  request(method: string, path: string, content: unknown): void {
    this.#write(`→ ${method} ${path}${shown(content)}`);
  }

  answer(
    method: string,
    path: string,
    status: number,
    tookMs: number,
    requestId: string | null,
    content: unknown,
  ): void {
    const id = requestId ? ` ${requestId}` : "";
    this.#write(`← ${status} ${method} ${path} in ${Math.round(tookMs)} ms${id}${shown(content)}`);
  }

  failure(method: string, path: string, error: ValetkeyError): void {
    this.#write(`✗ ${method} ${path}: ${error.message} [${error.code}]`);
  }

  note(text: string): void {
    this.#write(text);
  }

  #write(line: string): void {
    if (!this.#sink) return;
    let clean = line;
    for (const secret of this.#secrets) clean = clean.replaceAll(secret, "[secret]");
    this.#sink(`valetkey: ${clean}`);
  }
}

function shown(content: unknown): string {
  if (typeof content !== "object" || content === null) return "";
  const parts = Object.entries(content)
    .filter(([name, value]) => SHOWN.has(name) && ["string", "number", "boolean"].includes(typeof value))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return parts.length > 0 ? ` (${parts.join(" ")})` : "";
}

/** Whether the environment asks for the debug log: `DEBUG=valetkey` or `NODE_DEBUG=valetkey`, in a list or with `*`. */
export function askedForByEnvironment(env: NodeJS.ProcessEnv): boolean {
  return [env["DEBUG"], env["NODE_DEBUG"]].some((value) =>
    (value ?? "").split(/[\s,]+/).some((name) => name === "*" || /^valetkey(:?\*)?$/i.test(name)),
  );
}
