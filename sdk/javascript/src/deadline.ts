import type { Runtime } from "./runtime.js";

/** The end of one call: its time-out, its repeats and waits included, or the caller's own signal. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #ends: number;
  readonly #cancelTimer: () => void;
  readonly #caller: AbortSignal | undefined;
  readonly #onCallerAbort = () => this.#controller.abort(this.#caller?.reason);

  /** `ends` is in milliseconds since 1970; `expired` makes the error of a call whose time ran out. */
  constructor(
    private readonly runtime: Runtime,
    ends: number,
    caller: AbortSignal | undefined,
    expired: () => Error,
  ) {
    this.#ends = ends;
    this.#caller = caller;
    this.#cancelTimer = runtime.after(this.leftMs, () => this.#controller.abort(expired()));
    if (caller?.aborted) this.#onCallerAbort();
    else caller?.addEventListener("abort", this.#onCallerAbort, { once: true });
  }

  /** Aborted, with the error to throw as its reason, once the call has to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** How many milliseconds are left. */
  get leftMs(): number {
    return this.#ends - this.runtime.now();
  }

  /** What `work` gives, unless the call has to end before. Work that others wait for as well goes on. */
  race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    });
  }

  /** Lets go of timer and signal. */
  end(): void {
    this.#cancelTimer();
    this.#caller?.removeEventListener("abort", this.#onCallerAbort);
  }
}
