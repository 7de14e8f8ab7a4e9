/**
 * Event-loop lag by timer drift: a timer that fires late was held up by whatever blocked the loop, for
 * about as long as the block. `perf_hooks` reports next to nothing on Deno, and measuring from inside a
 * timer callback starts the watch only after the block is over; drift sees blocks on every runtime.
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";

/** What the monitor says through its log; a `Logger` fits. */
export interface MonitorLog {
  info(msg: string, fields?: Record<string, unknown>): void;
  warn(msg: string, fields?: Record<string, unknown>): void;
}

/** Options of {@linkcode EventLoopMonitor}. */
export interface EventLoopMonitorOptions {
  /** @default systemClock */
  clock?: Clock;
  /** Time between samples; a block is seen at least as long as it was less this. @default 20 */
  intervalMs?: number;
  /** Time that {@linkcode EventLoopMonitor.snapshot} looks back. @default 60_000 */
  windowMs?: number;
  /** Lag beyond which a warning is logged, at most one a second. @default 10 */
  warnAboveMs?: number;
  /** Time without lag after which "event loop healthy" is logged, once each such time. @default 60_000 */
  healthyAfterMs?: number;
  /**
   * Time constant of the moving average. The default weighs as toobusy-js does: one third for each
   * 500 ms, so 500 / ln(3/2).
   *
   * @default 1_233
   */
  smoothingMs?: number;
  log?: MonitorLog;
}

/** Is told each sample as it is taken, in milliseconds. */
export type LagListener = (lagMs: number) => void;

/** Lag over the window, in milliseconds. */
export interface LagSnapshot {
  /** Samples in the window: one for each `intervalMs` that passed, blocked or not. */
  count: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** Exponentially weighted moving average; follows load within seconds. */
  ewmaMs: number;
}

const WARN_EVERY_MS = 1_000;

/**
 * Samples the lag of the event loop it runs in.
 *
 * Percentiles are over time, not over timer fires: a block of 1.5 s swallows 75 samples of 20 ms, and
 * each is recorded as what a task due at that moment waited (G. Tene's correction for coordinated
 * omission). Otherwise a loop that is blocked half of the time would report a p50 of zero.
 */
export class EventLoopMonitor {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #warnAboveMs: number;
  readonly #healthyAfterMs: number;
  readonly #weight: number;
  readonly #log: MonitorLog | undefined;
  readonly #lags: Float64Array;
  readonly #listeners = new Set<LagListener>();
  #recorded = 0;
  #ewmaMs = 0;
  #late = { count: 0, worstMs: 0 };
  #warnedAt = -Infinity;
  #calmSince = 0;

  /** @throws {RangeError} when a time is not a positive number or the window is shorter than a sample */
  constructor(options: EventLoopMonitorOptions = {}) {
    const {
      clock = systemClock,
      intervalMs = 20,
      windowMs = 60_000,
      warnAboveMs = 10,
      healthyAfterMs = 60_000,
      smoothingMs = 500 / Math.log(1.5),
      log,
    } = options;
    const times = { intervalMs, windowMs, warnAboveMs, healthyAfterMs, smoothingMs };
    for (const [name, value] of Object.entries(times)) {
      if (!(value > 0 && value < Infinity)) {
        throw new RangeError(
          `Cannot create event-loop monitor: ${name} must be a positive number, received "${value}"`,
        );
      }
    }
    if (windowMs < intervalMs) {
      throw new RangeError(
        `Cannot create event-loop monitor: windowMs must be at least intervalMs, received "${windowMs}"`,
      );
    }
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#warnAboveMs = warnAboveMs;
    this.#healthyAfterMs = healthyAfterMs;
    this.#weight = 1 - Math.exp(-intervalMs / smoothingMs);
    this.#log = log;
    this.#lags = new Float64Array(Math.floor(windowMs / intervalMs));
  }

  /** Tells `listener` each sample from now on; a blocked loop takes none. */
  onSample(listener: LagListener): void {
    this.#listeners.add(listener);
  }

  /** Time between samples. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** Begins sampling; disposing of the result ends it. */
  start(): Disposable {
    const stop = new AbortController();
    this.#calmSince = this.#clock.now();
    this.#sample(stop.signal);
    return { [Symbol.dispose]: () => stop.abort() };
  }

  /** Lag over the last window. Sorts a copy of the samples: for scrapes, not for the hot path. */
  snapshot(): LagSnapshot {
    const count = Math.min(this.#recorded, this.#lags.length);
    const sorted = this.#lags.slice(0, count).sort();
    const at = (p: number) => sorted[Math.max(0, Math.ceil(p * count) - 1)] ?? 0;
    return { count, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), ewmaMs: this.#ewmaMs };
  }

  async #sample(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const due = this.#clock.now() + this.#intervalMs;
      try {
        // deno-lint-ignore no-await-in-loop -- one sample after the other
        await this.#clock.sleep(this.#intervalMs, signal);
      } catch {
        return; // stopped
      }
      const now = this.#clock.now();
      const lagMs = Math.max(0, now - due);
      this.#record(lagMs, now);
      for (const listener of this.#listeners) listener(lagMs);
    }
  }

  #record(lagMs: number, now: number): void {
    const { length } = this.#lags;
    // More than a window of lag would only overwrite itself.
    const oldest = Math.max(0, Math.floor(lagMs / this.#intervalMs) - length + 1);
    for (let waited = lagMs - oldest * this.#intervalMs; waited >= 0; waited -= this.#intervalMs) {
      this.#lags[this.#recorded++ % length] = waited;
      this.#ewmaMs += (waited - this.#ewmaMs) * this.#weight;
    }
    this.#report(lagMs, now);
  }

  #report(lagMs: number, now: number): void {
    const late = this.#late;
    if (lagMs > this.#warnAboveMs) {
      late.count++;
      late.worstMs = Math.max(late.worstMs, lagMs);
      this.#calmSince = now;
    }
    if (late.count > 0 && now - this.#warnedAt >= WARN_EVERY_MS) {
      this.#log?.warn("event loop delayed", {
        lagMs: Math.round(late.worstMs * 10) / 10,
        delays: late.count,
      });
      this.#warnedAt = now;
      this.#late = { count: 0, worstMs: 0 };
    } else if (now - this.#calmSince >= this.#healthyAfterMs) {
      this.#log?.info("event loop healthy");
      this.#calmSince = now;
    }
  }
}
