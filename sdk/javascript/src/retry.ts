import type { ValetkeyError } from "./errors.js";

/** One failed attempt. */
export interface Attempt {
  error: ValetkeyError;
  /** Whether the request may have reached the server. */
  sent: boolean;
  /** Whether another attempt may help at all. */
  passes: boolean;
}

/** Statuses that pass by themselves. */
const PASSING_STATUS: ReadonlySet<number> = new Set([429, 502, 503, 504]);
/** Codes that stay whatever their status suggests. */
const LASTING = /^upstream_(tls_\w+|proxy_auth_required|response_too_large|redirected)$/;
/** The first sending of the same call still runs: asked again, the server gives its answer. */
const ONGOING = "idempotency_in_progress";
/** Codes before which nothing was done, so that every call may be repeated. */
const NOTHING_DONE: ReadonlySet<string> = new Set(["overloaded", "shutting_down"]);

const BASE_MS = 500;
const CAP_MS = 8_000;

/** Whether a status may pass by itself. */
export function isPassing(status: number): boolean {
  return PASSING_STATUS.has(status);
}

/** Whether the same request may and should be sent again. */
export function mayRepeat({ error, sent, passes }: Attempt, repeatable: boolean): boolean {
  if (!passes) return false;
  if (!sent || NOTHING_DONE.has(error.code)) return true;
  if (!repeatable) return false;
  if (error.httpStatus === undefined || error.code === ONGOING) return true;
  return PASSING_STATUS.has(error.httpStatus) && !LASTING.test(error.code);
}

/** How long to wait before repeat `n` (0, 1, 2 …): full jitter, on top of what the server asked for. */
export function waitMs(error: ValetkeyError, n: number, random: number): number {
  return (error.retryAfterMs ?? 0) + random * Math.min(CAP_MS, BASE_MS * 2 ** n);
}
