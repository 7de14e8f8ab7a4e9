/**
 * Decides which requests an overloaded instance refuses before it begins to work on them. Three signs,
 * because there are three ways to be overloaded:
 *
 * - **in flight**: more asynchronous work than the processor can do. The limit moves by itself: down
 *   while the event loop is late, up while it is not (additive-increase-like probing, multiplicative
 *   decrease, as TCP does), so that the turns of the loop stay short and a refusal is quick. Requests
 *   that only wait make no lag and are not limited by it.
 * - **lag**: synchronous work, which never is in flight for others to see. The share that is refused
 *   grows with the excess of the average lag over a high-water mark, as in toobusy-js.
 * - **queue age**: whatever waited too long before it got here, since the moment that the front wrote
 *   into `X-Request-Start`. Its client has probably left.
 *
 * One block, however long, is one event: its lag counts up to a cap, because once it is over there is
 * nothing to be protected from. Only lag that goes on leads to refusals.
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import type { Lifecycle } from "./lifecycle.ts";

/** Why a request is refused. */
export type ShedReason = "in-flight" | "lag" | "queue-age";

/** Options of {@linkcode LoadShedder}. */
export interface LoadShedderOptions {
  lifecycle: Pick<Lifecycle, "inFlight" | "state">;
  /** Time between the lag samples that {@linkcode LoadShedder.observeLag} is given. */
  intervalMs: number;
  /** @default systemClock */
  clock?: Clock;
  /** Uniform in [0, 1). @default Math.random */
  random?: () => number;
  /** The in-flight limit goes down while the short average of the lag is above this. @default 15 */
  targetLagMs?: number;
  /** The in-flight limit is never below. @default 64 */
  minInFlight?: number;
  /** The in-flight limit is never above. @default 1_024 */
  maxInFlight?: number;
  /** Average lag at which refusing begins; at twice this everything is refused. @default 70 */
  highWaterMs?: number;
  /** Requests that waited longer are refused. @default 5_000 */
  maxQueueAgeMs?: number;
}

/** Time constants of the averages: short for the limit; toobusy-js's one third each 500 ms for the lag. */
const SHORT_MS = 100;
const LONG_MS = 500 / Math.log(1.5);
/** A sample counts as at most this many high-water marks. */
const CAP = 3;
const DECREASE = 0.8;
const INCREASE = 1.02;
/** An age beyond this is a wrong clock or a wrong header, not a wait. */
const MAX_BELIEVED_AGE_MS = 60_000;

/** The decision, one for each instance. */
export class LoadShedder {
  readonly #options: Required<LoadShedderOptions>;
  #limit: number;
  #shortMs = 0;
  #longMs = 0;

  /** @throws {RangeError} when a limit is not a positive number, or the minimum above the maximum */
  constructor(options: LoadShedderOptions) {
    this.#options = {
      clock: systemClock,
      random: Math.random,
      targetLagMs: 15,
      minInFlight: 64,
      maxInFlight: 1_024,
      highWaterMs: 70,
      maxQueueAgeMs: 5_000,
      ...options,
    };
    const { lifecycle: _, clock: __, random: ___, ...limits } = this.#options;
    for (const [name, value] of Object.entries(limits)) {
      if (!(value > 0)) {
        throw new RangeError(
          `Cannot create load shedder: ${name} must be a positive number, received "${value}"`,
        );
      }
    }
    // A maximum below the default minimum is a wish, not a mistake.
    this.#options.minInFlight = Math.min(this.#options.minInFlight, this.#options.maxInFlight);
    this.#limit = this.#options.maxInFlight;
  }

  /** Requests that may be in flight now. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Takes the next sample of the event-loop lag. */
  observeLag(lagMs: number): void {
    const { intervalMs, targetLagMs, minInFlight, maxInFlight, highWaterMs } = this.#options;
    const seenMs = Math.min(lagMs, CAP * highWaterMs);
    const passedMs = intervalMs + seenMs;
    this.#shortMs += (seenMs - this.#shortMs) * (1 - Math.exp(-passedMs / SHORT_MS));
    this.#longMs += (seenMs - this.#longMs) * (1 - Math.exp(-passedMs / LONG_MS));
    this.#limit = this.#shortMs > targetLagMs
      ? Math.max(minInFlight, this.#limit * DECREASE)
      : Math.min(maxInFlight, this.#limit * INCREASE);
  }

  /**
   * Whether a request must be refused. It counts as in flight already. A draining instance refuses
   * nothing: what still comes to it has nowhere else to go.
   *
   * @param requestStart the value of `X-Request-Start`, which the front wrote
   */
  refuse(requestStart: string | null): ShedReason | undefined {
    const reason = this.#reason(requestStart);
    if (reason === undefined || this.#options.lifecycle.state.kind === "draining") return undefined;
    return reason;
  }

  #reason(requestStart: string | null): ShedReason | undefined {
    const { lifecycle, clock, random, highWaterMs, maxQueueAgeMs } = this.#options;
    if (lifecycle.inFlight > this.#limit) return "in-flight";
    const ageMs = requestStart === null ? undefined : requestAgeMs(requestStart, clock.wallNow());
    if (ageMs !== undefined && ageMs > maxQueueAgeMs) return "queue-age";
    if (this.#longMs <= highWaterMs) return undefined;
    // The average speaks of the last seconds; a request that has not waited itself is served.
    if (ageMs !== undefined && ageMs < highWaterMs) return undefined;
    return random() < (this.#longMs - highWaterMs) / highWaterMs ? "lag" : undefined;
  }
}

/**
 * How long ago the front took the request: `X-Request-Start` is `t=` and a Unix time in seconds
 * (nginx), milliseconds (Caddy) or microseconds.
 *
 * @returns `undefined` when it is no such time, lies in the future (clocks differ) or too far back
 */
export function requestAgeMs(value: string, wallNowMs: number): number | undefined {
  const digits = value.startsWith("t=") ? value.slice(2) : value;
  if (digits.length === 0 || digits.length > 20) return undefined;
  const number = Number(digits);
  if (!(number > 1e9)) return undefined; // not a number, or before 2001 in the smallest unit
  const startMs = number < 1e11 ? number * 1_000 : number < 1e14 ? number : number / 1_000;
  const ageMs = wallNowMs - startMs;
  return ageMs >= 0 && ageMs <= MAX_BELIEVED_AGE_MS ? ageMs : undefined;
}
