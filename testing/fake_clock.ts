/**
 * Time that only moves when a test moves it.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Clock } from "../kit/clock.ts";

interface Sleeper {
  dueMs: number;
  wake: () => void;
}

/** A clock for tests: starts at 0, sleeps end when {@linkcode FakeClock.advance} reaches them. */
export class FakeClock implements Clock {
  readonly #epochMs: number;
  #now = 0;
  #sleepers: Sleeper[] = [];

  /** @param epochMs wall time at the start, in milliseconds since the Unix epoch */
  constructor(epochMs: number = Date.UTC(2026, 0, 1)) {
    this.#epochMs = epochMs;
  }

  /** How many sleep now. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#epochMs + this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = { dueMs: this.#now + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal.reason);
      }, { once: true });
    });
  }

  /** Time passes and nobody may run: what a blocked event loop does. Sleepers wake at the next advance. */
  block(ms: number): void {
    this.#now += ms;
  }

  /** Moves time on, waking each sleeper when its time comes and letting it run before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      // Whoever was woken may go to sleep again before time moves on.
      // deno-lint-ignore no-await-in-loop -- one wake-up after the other
      await settle();
      const [next] = this.#sleepers.toSorted((a, b) => a.dueMs - b.dueMs);
      if (!next || next.dueMs > end) break;
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      this.#now = Math.max(this.#now, next.dueMs);
      next.wake();
    }
    this.#now = Math.max(this.#now, end);
    await settle();
  }
}

/** Lets everything that is ready run: a macrotask, so that any chain of promises is through. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
