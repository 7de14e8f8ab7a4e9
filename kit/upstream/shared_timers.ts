/**
 * Coarse timers that many requests share.
 *
 * A timer and an AbortSignal for each request cost more CPU than all other layers together: a signal
 * that `fetch` is given makes a dependent one, with weak references that the garbage collector has to
 * look after. So requests that end within the same 20 ms share one timer, and a signal is used only where
 * something must be cancelled.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";

/** The reason with which {@linkcode SharedTimers} give up. */
export class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";
}

/** A timer that fires this much too late does so because the event loop was blocked; 1 or 2 ms are usual. */
const BLOCKED_MS = 5;

interface Timer {
  readonly controller: AbortController;
  readonly due: Promise<void>;
  /** Those who wait for something else and give up when the time has come. */
  readonly waiting: Set<(reason: DeadlineExceeded) => void>;
}

/** Timers for all who wait for the same short span of time. */
export class SharedTimers {
  readonly #clock: Clock;
  readonly #granularityMs: number;
  readonly #timers = new Map<number, Timer>();

  /** @param granularityMs a timer may fire this much too late, never too early */
  constructor(clock: Clock = systemClock, granularityMs = 20) {
    this.#clock = clock;
    this.#granularityMs = granularityMs;
  }

  /** A signal that aborts at `atMs` by {@linkcode Clock.now}, or at most one granule later. */
  signal(atMs: number): AbortSignal {
    return this.#at(atMs).controller.signal;
  }

  /** Resolves at `atMs`, or at most one granule later. */
  after(atMs: number): Promise<void> {
    return this.#at(atMs).due;
  }

  /**
   * Settles as `work` does, if it does so in time. `work` itself goes on.
   *
   * @param tooLate takes what `work` gives after all
   * @throws {DeadlineExceeded} at `atMs`, or at most one granule later
   */
  race<T>(work: Promise<T>, atMs: number, tooLate: (value: T) => void): Promise<T> {
    const { waiting } = this.#at(atMs);
    // Not Promise.race(): that would keep something of each request until the timer fires.
    return new Promise((resolve, reject) => {
      waiting.add(reject);
      work.then((value) => {
        if (waiting.delete(reject)) resolve(value);
        else tooLate(value);
      }, (error) => {
        waiting.delete(reject);
        reject(error);
      });
    });
  }

  #at(atMs: number): Timer {
    const granule = Math.ceil(atMs / this.#granularityMs);
    let timer = this.#timers.get(granule);
    if (timer === undefined) {
      timer = this.#start(granule);
      this.#timers.set(granule, timer);
    }
    return timer;
  }

  #start(granule: number): Timer {
    const controller = new AbortController();
    const waiting: Timer["waiting"] = new Set();
    const due = this.#wait(granule * this.#granularityMs).then(() => {
      this.#timers.delete(granule);
      const reason = new DeadlineExceeded("The deadline of the request has passed");
      controller.abort(reason);
      for (const giveUp of waiting) giveUp(reason);
      waiting.clear();
    });
    return { controller, due, waiting };
  }

  async #wait(untilMs: number): Promise<void> {
    const leftMs = Math.max(0, untilMs - this.#clock.now());
    const dueMs = this.#clock.now() + leftMs;
    await this.#clock.sleep(leftMs);
    // So late, this process was blocked, and what came in time may still wait to be read: that first, or
    // a block of our own would be taken for services that do not answer.
    if (this.#clock.now() - dueMs > BLOCKED_MS) await this.#clock.sleep(this.#granularityMs);
  }
}
