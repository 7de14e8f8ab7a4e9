/**
 * Time as a dependency, so that nothing in the cores sleeps or reads a clock by itself and tests can
 * move time by hand.
 *
 * @module
 */

/** What the cores may know of time. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary origin, with a fraction. */
  now(): number;
  /** Milliseconds since the Unix epoch. */
  wallNow(): number;
  /**
   * Resolves after `ms` milliseconds.
   *
   * @throws the signal's reason when `signal` aborts first
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The clock of this process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", abort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", abort, { once: true });
    }),
};
