import { inspect } from "node:util";

/** One thing to do about an error. */
export interface Remedy {
  /** The kind of step, for programs: `authorize`, `reauthorize`, `retry`, `wait`, `fix_request`, … */
  action: string;
  /** The step in words. */
  text: string;
  /** A link that performs or explains the step. */
  url?: string | null;
}

/** One field of a request at fault. */
export interface FieldViolation {
  /** The path of the field: `tool_input.to`. */
  field: string;
  /** What is wrong with it. */
  message: string;
}

/** What the provider itself said. */
export interface ProviderEvidence {
  /** Its HTTP status. */
  status?: number | null;
  /** Its own error code. */
  code?: string | null;
  /** Its own words. */
  message?: string | null;
}

/** What a diagnosis says in short. */
export interface ShortDiagnosis {
  /** `healthy`, `degraded` or `broken`; broken: the same call fails again until somebody has acted. */
  verdict: string;
  /** The code of the first finding. */
  code: string;
  /** Whose move it is: `end_user`, `developer`, `operator`, `provider_admin` or `nobody`. */
  actor: string;
  /** The answer in prose. */
  summary: string;
}

/** What an error is made of. */
export interface ErrorDetails {
  /** See {@link ValetkeyError.code}. */
  code: string;
  /** What happened, for people. */
  message: string;
  /** Why. */
  cause?: string | undefined;
  /** What to do, in order. */
  remedies?: Remedy[] | undefined;
  /** The page that explains the code. */
  docs?: string | undefined;
  /** `req_…` */
  requestId?: string | undefined;
  /** `ca_…` */
  accountId?: string | undefined;
  /** `conn_…` */
  connectionId?: string | undefined;
  /** `ex_…` */
  executionId?: string | undefined;
  /** When a retry may help, in milliseconds from the answer on. */
  retryAfterMs?: number | undefined;
  /** The HTTP status of the answer. */
  httpStatus?: number | undefined;
  /** The fields of the request at fault. */
  fields?: FieldViolation[] | undefined;
  /** What the provider said. */
  provider?: ProviderEvidence | undefined;
  /** What a diagnosis says in short. */
  diagnosis?: ShortDiagnosis | undefined;
  /** The exception underneath, if there is one. */
  original?: unknown;
}

/** Remedies whose link lets whoever opens it connect an account: not for logs. */
const LINK_ACTIONS: ReadonlySet<string> = new Set(["authorize", "reauthorize"]);

/**
 * Every error of this SDK. Branch on the class or on {@link code}; show {@link toString} to whoever has to act.
 *
 * As text it is the message, its cause, what to do, and the request id. An authorization link is never part of the
 * text, since texts end up in logs; {@link authorizationLink} has it.
 */
export class ValetkeyError extends Error {
  /** The code of the error catalogue (`account_revoked`), or one of this SDK (`connection_refused`). */
  readonly code: string;
  /** Why it happened, in words; empty if unknown. */
  override readonly cause: string;
  /** What to do, in order. */
  readonly remedies!: Remedy[];
  /** The page that explains the code. */
  readonly docs: string | undefined;
  /** The id of the request, as in the server's log: `req_…`. */
  readonly requestId: string | undefined;
  /** The connected account concerned: `ca_…`. */
  readonly accountId: string | undefined;
  /** The connection concerned: `conn_…`. */
  readonly connectionId: string | undefined;
  /** The execution that failed: `ex_…`. */
  readonly executionId: string | undefined;
  /** When a retry may help, in milliseconds from the answer on. */
  readonly retryAfterMs: number | undefined;
  /** The HTTP status of the answer; `undefined` if there was none. */
  readonly httpStatus: number | undefined;
  /** The fields of the request at fault; empty for most errors. */
  readonly fields: FieldViolation[];
  /** What the provider said, if it was the provider's doing. */
  readonly provider: ProviderEvidence | undefined;
  /** Of a failed call: what a diagnosis says in short. */
  readonly diagnosis: ShortDiagnosis | undefined;
  /** The exception underneath (of the network, of a parser), if there is one. */
  readonly original!: unknown;

  constructor(details: ErrorDetails) {
    super(details.message);
    this.code = details.code;
    this.cause = details.cause ?? "";
    this.docs = details.docs;
    this.requestId = details.requestId;
    this.accountId = details.accountId;
    this.connectionId = details.connectionId;
    this.executionId = details.executionId;
    this.retryAfterMs = details.retryAfterMs;
    this.httpStatus = details.httpStatus;
    this.fields = details.fields ?? [];
    this.provider = details.provider;
    this.diagnosis = details.diagnosis;
    // Loggers write out what is enumerable; a remedy may hold an authorization link.
    hide(this, "remedies", details.remedies ?? []);
    hide(this, "original", details.original);
    hide(this, "name", new.target.name);
    // Whoever prints the stack, as Node does for what nobody catches, shall read what to do as well.
    const frames = this.stack?.split("\n").filter((line) => /^\s+at /.test(line)) ?? [];
    hide(this, "stack", [this.toString(), ...frames].join("\n"));
  }

  /** A link for the user that mends this error, ready to be sent; `undefined` if none came with it. */
  get authorizationLink(): string | undefined {
    return this.remedies.find((remedy) => LINK_ACTIONS.has(remedy.action) && remedy.url)?.url ?? undefined;
  }

  /** The error as text: message, code, cause, what to do, request id. Holds no secret and no link. */
  override toString(): string {
    const lines = [`${this.name}: ${this.message} [${this.code}]`];
    for (const { field, message } of this.fields) {
      if (!this.message.includes(field)) lines.push(`  ${field}: ${message}`);
    }
    if (this.cause) lines.push(`Cause: ${this.cause}`);
    if (this.diagnosis?.summary) lines.push(`Diagnosis: ${this.diagnosis.summary}`);
    if (this.remedies.length > 0) {
      lines.push("What to do:");
      for (const remedy of this.remedies) {
        const ready =
          LINK_ACTIONS.has(remedy.action) && remedy.url ? " (A link is ready: error.authorizationLink)" : "";
        lines.push(`  - ${remedy.text}${ready}`);
      }
    }
    if (this.docs) lines.push(`More: ${this.docs}`);
    if (this.requestId) lines.push(`Request id: ${this.requestId}`);
    if (this.executionId) lines.push(`Execution: ${this.executionId}`);
    return lines.join("\n");
  }

  /** The error for structured logs: everything but links and what lies underneath. */
  toJSON(): Record<string, unknown> {
    const remedies = this.remedies.map(({ action, text }) => ({ action, text }));
    return { ...(this as object), name: this.name, message: this.message, remedies };
  }

  [inspect.custom](): string {
    return this.stack ?? this.toString();
  }
}

function hide(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: false, configurable: true, writable: true });
}

/** The client is set up wrongly, or an account is named in no way or in two. No request was sent. */
export class ConfigurationError extends ValetkeyError {}

/** The request is malformed or a field is wrong: {@link fields} says which. */
export class InvalidRequestError extends ValetkeyError {}

/** The API token, or the client id and secret, are not accepted. */
export class UnauthorizedError extends ValetkeyError {}

/** The caller may not do this. */
export class ForbiddenError extends ValetkeyError {}

/** The account lacks a scope that the tool needs; the user must authorize again. */
export class InsufficientScopeError extends ForbiddenError {}

/** There is no such account, connection, tool, execution, … */
export class NotFoundError extends ValetkeyError {}

/** It exists already, is in use, or its state does not allow this. */
export class ConflictError extends ValetkeyError {}

/** Too many requests to Valetkey; {@link retryAfterMs} says when to go on. */
export class RateLimitedError extends ValetkeyError {}

/** Valetkey failed, or something between here and there did. */
export class ServerError extends ValetkeyError {}

/** The time of the call, or of what the server waited for, ran out. */
export class TimeoutError extends ValetkeyError {}

/** No connection to Valetkey: {@link code} tells name, refusal, TLS and the rest apart, {@link remedies} what to do. */
export class ConnectionError extends ValetkeyError {}

/** The account is not `ACTIVE`, so no tool can run. {@link authorizationLink} is what its user needs. */
export class AccountNotActiveError extends ValetkeyError {
  /** The account's status: `PENDING`, `PENDING_VERIFICATION`, `EXPIRED`, `REVOKED`, `ERROR` or `DISCONNECTED`. */
  get accountStatus(): string {
    return this.code === "account_error" ? "ERROR" : this.code.replace(/^account_/, "").toUpperCase();
  }
}

/** The user has not authorized the account yet. */
export class AccountPendingError extends AccountNotActiveError {}

/** The user has authorized, but your app has not confirmed who it is: see `verifyConnectedAccountUser`. */
export class AccountPendingVerificationError extends AccountNotActiveError {}

/** The account's credential ran out and could not be renewed. */
export class AccountExpiredError extends AccountNotActiveError {}

/** Access was taken away at the provider. */
export class AccountRevokedError extends AccountNotActiveError {}

/** Authorizing the account failed, and not because of its user. */
export class AccountFailedError extends AccountNotActiveError {}

/** The account was disconnected here. */
export class AccountDisconnectedError extends AccountNotActiveError {}

/** The provider failed or refused the call of a tool; {@link executionId} names the record of it. */
export class ToolError extends ValetkeyError {}

/** The provider's rate limit is reached; {@link retryAfterMs} says when to go on. */
export class ToolRateLimitedError extends ToolError {}

/** The provider does not accept the account's credential. */
export class ToolUnauthorizedError extends ToolError {}

/** The provider does not let this account do this. */
export class ToolForbiddenError extends ToolError {}

/** The provider did not answer in time. The call may have had its effect. */
export class ToolTimeoutError extends ToolError {}

/** Valetkey could not reach the provider. */
export class ToolUnreachableError extends ToolError {}
