/**
 * Notices that a service which gave no answer at all is back, so that the breaker need not wait out a pause of up to a
 * minute before it asks again.
 *
 * Only silence is watched: a service that answers its readiness and fails its calls can be judged by calls alone, and is
 * left to the breaker's growing pauses.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { HttpSend } from "./request.ts";
import type { SharedTimers } from "./shared_timers.ts";

/** Options of {@linkcode waitForRecovery}. */
export interface RecoveryOptions {
  /** The replicas now. */
  origins: () => readonly string[];
  send: HttpSend;
  clock: Clock;
  timers: SharedTimers;
  /** Ends the watch. */
  signal: AbortSignal;
  /** Time between two looks. @default 2_000 */
  intervalMs?: number;
  /** A replica that takes longer to answer its readiness is silent. @default 1_000 */
  timeoutMs?: number;
}

/** A replica that is well answers its readiness within this time. */
const AT_ONCE_MS = 250;

/**
 * Watches a service until one of its replicas answers `GET /readyz` again.
 *
 * @returns `true` when it was silent and is back; `false` when it was not silent to begin with, or `signal` aborted
 */
export async function waitForRecovery(options: RecoveryOptions): Promise<boolean> {
  const { clock, signal, intervalMs = 2_000 } = options;
  const startMs = clock.now();
  // What answers, but not at once, was silent when the look began.
  if (await answers(options)) return clock.now() - startMs > AT_ONCE_MS && !signal.aborted;
  while (!signal.aborted) {
    try {
      // deno-lint-ignore no-await-in-loop -- one look after the other
      await clock.sleep(intervalMs, signal);
    } catch {
      return false; // told to end
    }
    // deno-lint-ignore no-await-in-loop -- as above
    if (await answers(options)) return !signal.aborted;
  }
  return false;
}

/** Whether a replica answers; with a 5xx it is not ready, which is as good as silent. */
async function answers(options: RecoveryOptions): Promise<boolean> {
  const { origins, send, clock, timers, timeoutMs = 1_000 } = options;
  const looks = origins().map(async (origin) => {
    const signal = timers.signal(clock.now() + timeoutMs);
    const answer = await send(`${origin}/readyz`, { signal });
    await answer.body?.cancel();
    // Less than that comes from a service that lives, be it that it knows no readiness.
    if (answer.status >= 500) throw new Error(`${origin} is not ready`);
  });
  try {
    await Promise.any(looks);
    return true;
  } catch {
    return false; // none of them answers, which is what was asked
  }
}
