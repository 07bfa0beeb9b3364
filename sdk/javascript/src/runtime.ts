/** What the SDK takes from its surroundings: the network, the clock, randomness. Tests put their own in place. */
export interface Runtime {
  /** Sends one request. */
  fetch(url: URL, init: RequestInit): Promise<Response>;
  /** The time in milliseconds since 1970; never goes back. */
  now(): number;
  /** A random number in [0, 1). */
  random(): number;
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `run` after `ms` milliseconds, unless the returned function is called first. */
  after(ms: number, run: () => void): () => void;
}

/** Timers cannot wait longer (2³¹−1 ms); Node would fire them at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** The real surroundings, with the given way to send. */
export function systemRuntime(fetch: Runtime["fetch"]): Runtime {
  const after = (ms: number, run: () => void) => {
    const timer = setTimeout(run, Math.min(ms, LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  };
  return {
    fetch,
    now: () => performance.timeOrigin + performance.now(),
    random: Math.random,
    after,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const onAbort = () => {
          cancel();
          reject(signal.reason);
        };
        const cancel = after(ms, () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        });
        signal.addEventListener("abort", onAbort, { once: true });
      }),
  };
}
