/**
 * When to trip: decides from the outcomes of recent calls whether a service is failing.
 *
 * @module
 */

/** Judges a stream of outcomes. */
export interface TripRule {
  /** Takes one outcome; `true` when the breaker should open now. */
  record(nowMs: number, failed: boolean): boolean;
  /** Forgets everything: a service that has just recovered starts anew. */
  reset(): void;
}

/** Options of {@linkcode FailureWindow}. */
export interface FailureWindowOptions {
  /** Calls older than this do not count. @default 10000 */
  windowMs?: number;
  /** With fewer calls there is no judgement. @default 20 */
  minCalls?: number;
  /** Share of failed calls that trips. @default 0.5 */
  failureRatio?: number;
  /**
   * Calls that count at most, the latest ones. Without a bound a busy service would have to fail as
   * often as it succeeded in the whole window before; with twice `minCalls` a service that fails every
   * call trips after `minCalls` failures, however busy it was.
   *
   * @default 2 * minCalls
   */
  maxCalls?: number;
}

/** Trips when at least `failureRatio` of the latest calls failed. */
export class FailureWindow implements TripRule {
  readonly #windowMs: number;
  readonly #minCalls: number;
  readonly #failureRatio: number;
  readonly #times: Float64Array;
  readonly #failed: Uint8Array;
  #oldest = 0;
  #calls = 0;
  #failures = 0;

  /** @throws {RangeError} when an option is not in its range */
  constructor(options: FailureWindowOptions = {}) {
    const { windowMs = 10_000, minCalls = 20, failureRatio = 0.5 } = options;
    const { maxCalls = 2 * minCalls } = options;
    check("windowMs must be > 0", windowMs, windowMs > 0);
    check("minCalls must be an integer >= 1", minCalls, Number.isInteger(minCalls) && minCalls > 0);
    check("failureRatio must be in (0, 1]", failureRatio, failureRatio > 0 && failureRatio <= 1);
    check(
      "maxCalls must be an integer >= minCalls",
      maxCalls,
      Number.isInteger(maxCalls) && maxCalls >= minCalls,
    );
    this.#windowMs = windowMs;
    this.#minCalls = minCalls;
    this.#failureRatio = failureRatio;
    this.#times = new Float64Array(maxCalls);
    this.#failed = new Uint8Array(maxCalls);
  }

  record(nowMs: number, failed: boolean): boolean {
    const size = this.#times.length;
    if (this.#calls === size) this.#dropOldest();
    const slot = (this.#oldest + this.#calls++) % size;
    this.#times[slot] = nowMs;
    this.#failed[slot] = failed ? 1 : 0;
    if (!failed) return false;
    this.#failures++;
    // Only a failure can trip, so only then is it worth while to look for calls that are too old.
    while ((this.#times[this.#oldest] ?? nowMs) <= nowMs - this.#windowMs) this.#dropOldest();
    return this.#calls >= this.#minCalls && this.#failures >= this.#failureRatio * this.#calls;
  }

  reset(): void {
    this.#oldest = this.#calls = this.#failures = 0;
  }

  #dropOldest(): void {
    this.#failures -= this.#failed[this.#oldest] ?? 0;
    this.#oldest = (this.#oldest + 1) % this.#times.length;
    this.#calls--;
  }
}

function check(rule: string, value: number, holds: boolean): void {
  if (!holds) throw new RangeError(`Cannot create failure window: ${rule}, received "${value}"`);
}
