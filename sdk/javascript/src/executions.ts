import { randomUUID } from "node:crypto";
import { segment } from "./arguments.js";
import { TimeoutError } from "./errors.js";
import type { Http } from "./http.js";
import type { Execution } from "./models.js";
import type { CallOptions, SharedOptions } from "./options.js";
import type { ToolCall } from "./requests.js";

/** How long to wait between questions, in milliseconds; the last one stays. */
const PAUSES_MS = [500, 1000, 2000, 4000, 5000];
/** How long to wait in all unless the caller says so. */
const WAIT_MS = 300_000;

export async function getExecution(http: Http, executionId: string, options: SharedOptions): Promise<Execution> {
  const path = `/v1/connect/executions/${segment("executionId", executionId)}`;
  return (await http.json({ method: "GET", path, repeatable: true }, options)) as Execution;
}

/** Asks for the execution until it has ended, or until the caller's patience has, in the middle of a question too. */
export async function waitForExecution(http: Http, executionId: string, options: CallOptions): Promise<Execution> {
  const { runtime } = http;
  const { timeoutMs = WAIT_MS, ...others } = options;
  const ends = runtime.now() + timeoutMs;
  const never = new AbortController().signal;
  for (let n = 0; ; n += 1) {
    const execution = await asked(http, executionId, others, ends, timeoutMs);
    if (execution.status !== "RUNNING") return execution;
    const left = ends - runtime.now();
    if (left <= 0) throw stillRunning(executionId, timeoutMs);
    const pause = PAUSES_MS[Math.min(n, PAUSES_MS.length - 1)] ?? 0;
    await runtime.sleep(Math.min(pause, left), options.signal ?? never);
  }
}

/** One question, which ends with the wait at the latest. The last one may still be asked when the wait is over. */
async function asked(
  http: Http,
  executionId: string,
  options: CallOptions,
  ends: number,
  timeoutMs: number,
): Promise<Execution> {
  const own = http.begin(options);
  const last = ends <= http.runtime.now();
  const endsAt = last ? own.endsAt : Math.min(own.endsAt, ends);
  try {
    return await getExecution(http, executionId, { ...own, endsAt });
  } catch (error) {
    if (error instanceof TimeoutError && error.code === "client_timeout" && (last || endsAt === ends))
      throw stillRunning(executionId, timeoutMs, error);
    throw error;
  }
}

function stillRunning(executionId: string, timeoutMs: number, original?: unknown): TimeoutError {
  return new TimeoutError({
    code: "client_timeout",
    message: `The execution ${executionId} did not end within ${timeoutMs} ms.`,
    cause: "It goes on; only the waiting is over.",
    remedies: [{ action: "wait", text: `Wait again: waitForExecution({executionId: "${executionId}"}).` }],
    executionId,
    original,
  });
}

/**
 * The key under which the server runs a tool once, however often the request arrives. A call that may be answered from
 * before needs none: only tools that change nothing can be.
 */
export function keyOf({ idempotencyKey, maxAge }: ToolCall): string | undefined {
  return idempotencyKey ?? (maxAge === undefined ? randomUUID() : undefined);
}
