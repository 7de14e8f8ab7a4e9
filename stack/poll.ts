/**
 * Waiting for what says nothing when it happens: a process that answers, a file that is let go of.
 *
 * @module
 */
import { type Clock, systemClock } from "../kit/clock.ts";

/** Options of {@linkcode poll}. */
export interface PollOptions {
  /** How long to go on looking. */
  timeoutMs: number;
  /** Pause between two looks. */
  everyMs: number;
  /** @default systemClock */
  clock?: Clock;
}

/**
 * Looks at a condition at once and again and again.
 *
 * @returns whether it came to hold in time
 * @throws what the condition throws
 */
export async function poll(
  condition: () => boolean | Promise<boolean>,
  { timeoutMs, everyMs, clock = systemClock }: PollOptions,
): Promise<boolean> {
  const deadline = clock.now() + timeoutMs;
  // deno-lint-ignore no-await-in-loop -- looking again is the point
  while (!await condition()) {
    if (clock.now() >= deadline) return false;
    // deno-lint-ignore no-await-in-loop -- looking again is the point
    await clock.sleep(everyMs);
  }
  return true;
}
