// From an answer of the server to the error it stands for: by code first, by status second.

import type {
  ErrorDetails,
  FieldViolation,
  ProviderEvidence,
  Remedy,
  ShortDiagnosis,
  ValetkeyError,
} from "./errors.js";
import * as errors from "./errors.js";

type ErrorClass = new (details: ErrorDetails) => ValetkeyError;

const BY_CODE: Readonly<Record<string, ErrorClass>> = {
  account_pending: errors.AccountPendingError,
  account_pending_verification: errors.AccountPendingVerificationError,
  account_expired: errors.AccountExpiredError,
  account_revoked: errors.AccountRevokedError,
  account_error: errors.AccountFailedError,
  account_disconnected: errors.AccountDisconnectedError,
  insufficient_scope: errors.InsufficientScopeError,
  upstream_rate_limited: errors.ToolRateLimitedError,
  upstream_unauthorized: errors.ToolUnauthorizedError,
  upstream_forbidden: errors.ToolForbiddenError,
  upstream_timeout: errors.ToolTimeoutError,
  upstream_connect_timeout: errors.ToolTimeoutError,
  upstream_unreachable: errors.ToolUnreachableError,
  upstream_dns_failed: errors.ToolUnreachableError,
  upstream_tls_failed: errors.ToolUnreachableError,
  upstream_refused: errors.ToolUnreachableError,
  upstream_resolver_failed: errors.ToolUnreachableError,
  upstream_proxy_unreachable: errors.ToolUnreachableError,
  upstream_proxy_auth_required: errors.ToolUnreachableError,
  upstream_proxy_refused: errors.ToolUnreachableError,
  upstream_tls_expired: errors.ToolUnreachableError,
  upstream_tls_not_yet_valid: errors.ToolUnreachableError,
  upstream_tls_unknown_issuer: errors.ToolUnreachableError,
  upstream_tls_host_mismatch: errors.ToolUnreachableError,
};

const BY_STATUS: Readonly<Record<number, ErrorClass>> = {
  401: errors.UnauthorizedError,
  403: errors.ForbiddenError,
  404: errors.NotFoundError,
  408: errors.TimeoutError,
  409: errors.ConflictError,
  410: errors.NotFoundError,
  429: errors.RateLimitedError,
  504: errors.TimeoutError,
};

function classOf(code: string, status: number): ErrorClass {
  if (Object.hasOwn(BY_CODE, code)) return BY_CODE[code] as ErrorClass;
  if (code.startsWith("upstream_")) return errors.ToolError;
  return BY_STATUS[status] ?? (status >= 400 && status < 500 ? errors.InvalidRequestError : errors.ServerError);
}

/** An answer that is not what was asked for. */
export interface FailedAnswer {
  status: number;
  headers: Headers;
  text: string;
  /** `POST`, `/oauth/token`: for the message when the answer explains nothing. */
  method: string;
  path: string;
  /** The wall clock in milliseconds: `Retry-After` may be a date. */
  now: number;
}

/** The error, and whether the server says that the request must not be repeated. */
export interface Failure {
  error: ValetkeyError;
  never: boolean;
}

/** The error of an answer of the API. */
export function failureOf(answer: FailedAnswer): Failure {
  const body = parseObject(answer.text)?.["error"];
  if (!isObject(body) || typeof body["code"] !== "string") return { error: unexplained(answer), never: false };
  const details = { ...detailsOf(body, answer), httpStatus: answer.status };
  return { error: new (classOf(details.code, answer.status))(details), never: body["retry"] === "never" };
}

/** What the error of one call of a batch means; `status` is what the call would have failed with alone. */
export function failureOfItem(body: Record<string, unknown>, status: unknown, answer: FailedAnswer): ValetkeyError {
  if (typeof body["code"] !== "string") return unreadable(answer);
  const said = number(status);
  const httpStatus = said !== undefined && said >= 400 && said < 600 ? said : undefined;
  const details = { ...detailsOf(body, answer), httpStatus, retryAfterMs: number(body["retry_after_ms"]) };
  return new (classOf(details.code, httpStatus ?? statusOf(details.code)))(details);
}

/** The statuses where an older server does not say them, as far as classes depend on them. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  unauthenticated: 401,
  permission_denied: 403,
  invalid_request: 400,
  invalid_argument: 400,
  tool_input_invalid: 400,
  idempotency_key_reused: 422,
  rate_limited: 429,
  refresh_too_early: 429,
  deadline_exceeded: 504,
  internal: 500,
  seal_refused: 500,
  overloaded: 503,
  shutting_down: 503,
  storage_unavailable: 503,
  execution_interrupted: 503,
};

function statusOf(code: string): number {
  if (code.endsWith("_not_found")) return 404;
  return Object.hasOwn(STATUS_OF_CODE, code) ? (STATUS_OF_CODE[code] as number) : 409;
}

function detailsOf(body: Record<string, unknown>, answer: FailedAnswer): ErrorDetails {
  const code = string(body["code"]) ?? "";
  return {
    code,
    message: string(body["message"]) ?? `The request failed with ${code}.`,
    cause: string(body["cause"]),
    remedies: objects(body["remedies"]).map(remedyOf),
    docs: string(body["docs"]),
    requestId: string(body["request_id"]) ?? requestId(answer),
    accountId: string(body["account_id"]),
    connectionId: string(body["connection_id"]),
    executionId: string(body["execution_id"]),
    retryAfterMs: number(body["retry_after_ms"]) ?? retryAfterMs(answer.headers, answer.now),
    fields: objects(body["fields"]).map(fieldOf),
    provider: isObject(body["provider"]) ? providerOf(body["provider"]) : undefined,
    diagnosis: isObject(body["diagnosis"]) ? diagnosisOf(body["diagnosis"]) : undefined,
  };
}

/** The error of an answer of the token endpoint, which speaks OAuth (RFC 6749 §5.2). */
export function tokenFailureOf(answer: FailedAnswer): Failure {
  const body = parseObject(answer.text);
  const oauth = body?.["error"];
  if (body === undefined || typeof oauth !== "string") return failureOf(answer);
  const details = {
    message: string(body["error_description"]) ?? `The token endpoint refused with ${oauth}.`,
    requestId: requestId(answer),
    retryAfterMs: retryAfterMs(answer.headers, answer.now),
    httpStatus: answer.status,
  };
  if (oauth === "invalid_client") {
    const error = new errors.UnauthorizedError({
      ...details,
      code: "invalid_client_credentials",
      cause: "No enabled API client has this id and secret.",
      remedies: [
        {
          action: "check_credentials",
          text: "Check clientId and clientSecret (VALETKEY_CLIENT_ID, VALETKEY_CLIENT_SECRET), or make a new API client with `valetkey client create`.",
        },
      ],
    });
    return { error, never: false };
  }
  const code = `token_${oauth}`;
  const error = new (classOf(code, answer.status))({
    ...details,
    code,
    cause: "The token endpoint did not give an access token.",
    remedies: [{ action: "check_credentials", text: "Check the API client's id, secret and permissions." }],
  });
  return { error, never: false };
}

/** A success whose body is not what was promised. */
export function unreadable(answer: FailedAnswer, original?: unknown): ValetkeyError {
  return new errors.ServerError({
    code: "response_invalid",
    message: `The answer to ${answer.method} ${answer.path} could not be read.`,
    cause: `It came with status ${answer.status} and is not the JSON that Valetkey sends.`,
    remedies: [
      {
        action: "check_network",
        text: "Check that the URL is Valetkey's own and that nothing in between rewrites answers.",
      },
    ],
    requestId: requestId(answer),
    httpStatus: answer.status,
    original,
  });
}

function unexplained(answer: FailedAnswer): ValetkeyError {
  const { status } = answer;
  const redirect = status >= 300 && status < 400;
  return new (classOf("", status))({
    code: `http_${status}`,
    message: `${answer.method} ${answer.path} was answered with status ${status}.`,
    cause: redirect
      ? "Redirects are not followed, so that the token goes nowhere else."
      : "The answer is not in Valetkey's form; it may come from something in between, such as a proxy or a load balancer.",
    remedies: [
      redirect
        ? { action: "check_network", text: "Set envUrl (VALETKEY_URL) to the address that the redirect leads to." }
        : { action: "check_network", text: "Check envUrl (VALETKEY_URL) and what stands between here and the server." },
    ],
    requestId: requestId(answer),
    retryAfterMs: retryAfterMs(answer.headers, answer.now),
    httpStatus: status,
  });
}

/** `Retry-After` in milliseconds: RFC 9110 §10.2.3 allows seconds and a date. */
function retryAfterMs(headers: Headers, now: number): number | undefined {
  const value = headers.get("retry-after")?.trim();
  if (!value) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function requestId(answer: FailedAnswer): string | undefined {
  return answer.headers.get("x-request-id") ?? undefined;
}

function remedyOf(value: Record<string, unknown>): Remedy {
  const url = string(value["url"]);
  const remedy = { action: string(value["action"]) ?? "", text: string(value["text"]) ?? "" };
  return url === undefined ? remedy : { ...remedy, url };
}

function fieldOf(value: Record<string, unknown>): FieldViolation {
  return { field: string(value["field"]) ?? "", message: string(value["message"]) ?? "" };
}

function providerOf(value: Record<string, unknown>): ProviderEvidence {
  return {
    status: number(value["status"]) ?? null,
    code: string(value["code"]) ?? null,
    message: string(value["message"]) ?? null,
  };
}

function diagnosisOf(value: Record<string, unknown>): ShortDiagnosis {
  const part = (name: string) => string(value[name]) ?? "";
  return { verdict: part("verdict"), code: part("code"), actor: part("actor"), summary: part("summary") };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function objects(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function string(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
