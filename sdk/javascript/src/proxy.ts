import { type AccountRef, invalidArgument, named, proxiedPath } from "./arguments.js";
import type { Answer, Http } from "./http.js";
import { found } from "./lookup.js";
import type { CallOptions } from "./options.js";

/** A request to the provider's own API, made with the account's credential. */
export interface ProxyRequest extends AccountRef {
  /** `GET`, `POST`, … */
  method: string;
  /** The path at the provider, without query. */
  path: string;
  /** Query parameters; `null` is left out, an array repeats the name. */
  query?: Record<string, string | number | boolean | readonly string[] | null | undefined> | undefined;
  /** Headers for the provider. `Authorization` is not yours to set. */
  headers?: Record<string, string> | undefined;
  /** Sent as JSON, as it is. */
  json?: unknown;
  /** Sent as it is, instead of `json`; set `content-type` in `headers`. */
  body?: string | Uint8Array<ArrayBuffer> | undefined;
  /** Your own id of the agent's run, kept with the execution. */
  agentRunId?: string | undefined;
}

/** The provider's answer, whatever its status. */
export class ProxyResponse {
  /** The provider's HTTP status. */
  readonly status: number;
  /** The headers of the answer. */
  readonly headers: Headers;
  /** The body as it came. */
  readonly bytes: Uint8Array;
  /** `ex_…`, the record of the request. */
  readonly executionId: string | undefined;

  constructor(answer: Answer) {
    this.status = answer.status;
    this.headers = answer.headers;
    this.bytes = answer.bytes;
    this.executionId = answer.headers.get("x-execution-id") ?? undefined;
  }

  /** Whether the status is 200–299. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** The body as UTF-8. */
  text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  /** The body as JSON, with the provider's names; throws a `SyntaxError` if it is none. */
  json(): unknown {
    return JSON.parse(this.text());
  }
}

const ASCII = /^[\x20-\x7e]+$/;

export async function proxied(http: Http, request: ProxyRequest, options: CallOptions): Promise<ProxyResponse> {
  const account = named(request);
  const shared = http.begin(options);
  const path = `/proxy/${proxiedPath(request.path)}`;
  const method = request.method.toUpperCase();
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
  if (headers["authorization"] !== undefined) {
    throw invalidArgument(
      "An Authorization header is given.",
      "Leave it out: the account's credential takes its place.",
    );
  }
  if ("id" in account) {
    headers["connected_account_id"] = account.id;
  } else if (Object.values(account).every((part) => ASCII.test(part))) {
    headers["connection_name"] = account.connectionName;
    headers["identifier"] = account.identifier;
    if (account.accountName !== undefined) headers["account_name"] = account.accountName;
  } else {
    headers["connected_account_id"] = (await found(http, account, shared)).id;
  }
  if (request.agentRunId !== undefined) headers["agent_run_id"] = request.agentRunId;
  let body: string | Uint8Array<ArrayBuffer> | undefined = request.body;
  if (request.json !== undefined) {
    headers["content-type"] ??= "application/json";
    body = JSON.stringify(request.json);
  }
  const answer = await http.send(
    {
      method,
      path,
      headers,
      ...(request.query ? { query: request.query } : {}),
      ...(body === undefined ? {} : { body }),
      repeatable: method === "GET" || method === "HEAD",
      handedOn: (answered) => answered.has("x-execution-id"),
    },
    shared,
  );
  return new ProxyResponse(answer);
}
