/**
 * A clock that moves only when a test says so.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Clock } from "../kit/clock.ts";

interface Sleeper {
  dueMs: number;
  wake: () => void;
}

/** Options of {@linkcode FakeClock}. */
export interface FakeClockOptions {
  /** First value of `now()`. @default 0 */
  nowMs?: number;
  /** First value of `wallNow()`. @default 1767225600000 (2026-01-01T00:00:00Z) */
  wallNowMs?: number;
}

/** A {@linkcode Clock} whose time is moved by {@linkcode FakeClock.advance}. */
export class FakeClock implements Clock {
  #nowMs: number;
  readonly #wallOffsetMs: number;
  readonly #sleepers = new Set<Sleeper>();

  constructor(options: FakeClockOptions = {}) {
    const { nowMs = 0, wallNowMs = 1_767_225_600_000 } = options;
    this.#nowMs = nowMs;
    this.#wallOffsetMs = wallNowMs - nowMs;
  }

  /** How many sleepers wait. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  wallNow(): number {
    return this.#wallOffsetMs + this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        dueMs: this.#nowMs + Math.max(0, ms),
        wake: () => {
          signal?.removeEventListener("abort", abort);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** Moves time on, wakes who is due in order of their time, and lets what they started settle. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (let next = this.#earliest(endMs); next; next = this.#earliest(endMs)) {
      this.#sleepers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.wake();
      // One after the other is the point: a sleeper may start another sleep.
      // deno-lint-ignore no-await-in-loop
      await settle();
    }
    this.#nowMs = endMs;
    await settle();
  }

  #earliest(endMs: number): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (sleeper.dueMs <= endMs && (!first || sleeper.dueMs < first.dueMs)) first = sleeper;
    }
    return first;
  }
}

/** One turn of the event loop, in which every pending microtask runs. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
