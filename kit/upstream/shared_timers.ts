/**
 * Coarse timers that many requests share.
 *
 * A timer and an AbortSignal for each request would cost more CPU than all other layers together, so requests that end
 * within the same 20 ms share one of each.
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
/** What one block gives back at most: by then whoever waited has been heard. */
const MAX_GRACE_MS = 250;
/** A loop that is late again and again is overloaded; a timer waits for it this often at most. */
const MAX_GRACES = 3;

interface Timer {
  readonly controller: AbortController;
  /**
   * What those do who wait for something else when the time has come; who has what he waited for leaves a
   * hole. Not a Set: the garbage collector keeps alive what its old tables held (see `Flights`).
   */
  readonly waiting: (((reason: DeadlineExceeded) => void) | undefined)[];
}

/** Timers for all who wait for the same short span of time. */
export class SharedTimers {
  readonly #clock: Clock;
  readonly #granularityMs: number;
  readonly #timers = new Map<number, Timer>();
  /** Until then nobody gives up, as the process was blocked a moment ago. */
  #graceUntilMs = -Infinity;

  /**
   * @param granularityMs a timer may fire this much too late, never too early; later only after the process
   * was blocked, which is noticed when a timer fell due meanwhile
   */
  constructor(clock: Clock = systemClock, granularityMs = 20) {
    this.#clock = clock;
    this.#granularityMs = granularityMs;
  }

  /** A signal that aborts at `atMs` by {@linkcode Clock.now}, or a little later (see the constructor). */
  signal(atMs: number): AbortSignal {
    return this.#at(atMs).controller.signal;
  }

  /**
   * Settles as `work` does, if it does so in time. `work` itself goes on.
   *
   * @throws {DeadlineExceeded} at `atMs`, or a little later
   */
  race<T>(work: Promise<T>, atMs: number): Promise<T> {
    return this.otherwise(work, atMs, (reason) => Promise.reject(reason));
  }

  /**
   * Settles as `work` does, if it does so by `atMs` (or a little later), otherwise as what `late` begins then.
   *
   * @param late must not throw: others wait for the same timer
   */
  otherwise<T>(
    work: Promise<T>,
    atMs: number,
    late: (reason: DeadlineExceeded) => Promise<T>,
  ): Promise<T> {
    const { waiting } = this.#at(atMs);
    // Not Promise.race(), nor a then() of the timer: that would keep something of each request until it fires.
    return new Promise((resolve, reject) => {
      const place = waiting.push((reason) => resolve(late(reason))) - 1;
      work.then((value) => {
        if (waiting[place] === undefined) return;
        waiting[place] = undefined;
        resolve(value);
      }, (error) => {
        if (waiting[place] === undefined) return;
        waiting[place] = undefined;
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
    const waiting: Timer["waiting"] = [];
    void this.#wait(granule * this.#granularityMs).then(() => {
      this.#timers.delete(granule);
      const reason = new DeadlineExceeded("The deadline of the request has passed");
      controller.abort(reason);
      for (const goOn of waiting.splice(0)) goOn?.(reason);
    });
    return { controller, waiting };
  }

  async #wait(untilMs: number): Promise<void> {
    await this.#sleepUntil(Math.max(untilMs, this.#clock.now()));
    for (let n = 0; n < MAX_GRACES && this.#clock.now() < this.#graceUntilMs; n++) {
      // deno-lint-ignore no-await-in-loop -- the grace may be extended meanwhile
      await this.#sleepUntil(this.#graceUntilMs);
    }
  }

  /**
   * Sleeps. If it gets late, the process was blocked: requests were not sent, and answers that came wait to
   * be read, behind all that others sent meanwhile. The time that was lost is given back, or a block of our
   * own would be taken for services that do not answer.
   */
  async #sleepUntil(atMs: number): Promise<void> {
    await this.#clock.sleep(Math.max(0, atMs - this.#clock.now()));
    const nowMs = this.#clock.now();
    const lateMs = nowMs - atMs;
    if (lateMs <= BLOCKED_MS) return;
    const graceMs = Math.min(Math.max(lateMs, this.#granularityMs), MAX_GRACE_MS);
    this.#graceUntilMs = Math.max(this.#graceUntilMs, nowMs + graceMs);
  }
}
