/**
 * Coarse timers that many requests share.
 *
 * An `AbortSignal.timeout()` for each request costs 20 us of CPU, a third of the whole hop. Requests
 * that end within the same 20 ms therefore share one signal, which costs next to nothing.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";

/** The reason with which a signal of {@linkcode SharedTimers} aborts. */
export class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";
}

interface Timer {
  readonly signal: AbortSignal;
  readonly due: Promise<void>;
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
    return this.#at(atMs).signal;
  }

  /** Resolves at `atMs`, or at most one granule later. */
  after(atMs: number): Promise<void> {
    return this.#at(atMs).due;
  }

  #at(atMs: number): Timer {
    const granule = Math.ceil(atMs / this.#granularityMs);
    let timer = this.#timers.get(granule);
    if (timer === undefined) {
      const controller = new AbortController();
      const leftMs = Math.max(0, granule * this.#granularityMs - this.#clock.now());
      const due = this.#clock.sleep(leftMs).then(() => {
        this.#timers.delete(granule);
        controller.abort(new DeadlineExceeded("The deadline of the request has passed"));
      });
      timer = { signal: controller.signal, due };
      this.#timers.set(granule, timer);
    }
    return timer;
  }
}
