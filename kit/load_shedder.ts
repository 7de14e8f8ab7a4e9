/**
 * Decides which requests an overloaded instance refuses before it begins to work on them. Three signs,
 * because there are three ways to be overloaded:
 *
 * - **in flight**: more asynchronous work than the processor can do. The limit moves by itself: down
 *   while the event loop is late, up while it is not, so that the turns of the loop stay short and a
 *   refusal is quick. Requests that only wait make no lag, and are not limited by it.
 * - **queue age**: more synchronous work, which never is in flight for others to see. It shows in how
 *   long ago the front took a request, by its `X-Request-Start`. While a standing queue is there, what
 *   waited longer than a short target is refused, as CoDel does with packets. And what waited very long
 *   is refused always: its client has probably left.
 * - **lag**: the same for requests that carry no such time, and for those that are too few to tell a
 *   queue from a burst and waited. The share that is refused grows with the excess of the average
 *   event-loop lag over a high-water mark, as in toobusy-js.
 *
 * One block of the loop, however long, is one event and leads to no refusals: once it is over there is
 * nothing to be protected from, and what gathered meanwhile is served.
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import type { Lifecycle } from "./lifecycle.ts";

/** Why a request is refused. */
export type ShedReason = "in-flight" | "queue-age" | "lag";

/** Options of {@linkcode LoadShedder}. */
export interface LoadShedderOptions {
  lifecycle: Pick<Lifecycle, "inFlight" | "state">;
  /** Time between the lag samples that {@linkcode LoadShedder.observeLag} is given. */
  intervalMs: number;
  /** @default systemClock */
  clock?: Clock;
  /** Uniform in [0, 1). @default Math.random */
  random?: () => number;
  /**
   * While there is a standing queue, requests that waited longer are refused; one begins to stand when
   * for a while half of the requests waited twice as long. @default 5
   */
  targetQueueMs?: number;
  /** Requests that waited longer are refused always. @default 5_000 */
  maxQueueAgeMs?: number;
  /** Average lag at which refusing begins; at twice this everything is refused. @default 70 */
  highWaterMs?: number;
  /** The in-flight limit goes down while the short average of the lag is above this. @default 15 */
  targetLagMs?: number;
  /** The in-flight limit is never above. @default 1_024 */
  maxInFlight?: number;
  /**
   * From its first request an instance is slow for a while, because nothing is compiled yet. That is no
   * overload, and soon over: only the in-flight limit holds then. @default 2_000
   */
  warmUpMs?: number;
}

/** The time over which a queue is judged, and the requests without which it is not. */
const WINDOW_MS = 250;
const WINDOW_REQUESTS = 25;
/**
 * Windows in a row with late requests before a queue is a standing one; after the first overload one is
 * enough for a while. Less than this is a burst (a neighbour that starts, a collection): served, not refused.
 */
const PATIENT_WINDOWS = 4;
const OVERLOAD_MEMORY_MS = 10_000;
/** Share of late requests that makes a queue a standing one, and the share below which it is over. */
const BEGIN_SHARE = 0.5;
const END_SHARE = 0.05;
/** With more than this in flight the work is asynchronous: a wait then is the in-flight limit's affair. */
const SYNCHRONOUS_IN_FLIGHT = 16;
/** The in-flight limit is never lower: a turn of the loop with so many requests is short anyway. */
const MIN_IN_FLIGHT = 64;
/** What a late sample makes of the in-flight limit, and one that is not. */
const DECREASE = 0.8;
const INCREASE = 1.02;
/** Time constants of the lag's averages: short for the limit; toobusy-js's one third each 500 ms. */
const SHORT_MS = 100;
const LONG_MS = 500 / Math.log(1.5);
/** A sample of lag counts as at most this many high-water marks. */
const CAP = 3;
/** An age beyond this is a wrong clock or a wrong header, not a wait. */
const MAX_BELIEVED_AGE_MS = 60_000;

/** The decision, one for each instance. */
export class LoadShedder {
  readonly #options: Required<LoadShedderOptions>;
  #limit: number;
  #shortLagMs = 0;
  #longLagMs = 0;
  #window = { startMs: -Infinity, requests: 0, late: 0 };
  #standingQueue = false;
  /** The last window had too few requests to be judged by. */
  #few = false;
  #lateWindows = 0;
  #lastStoodMs = -Infinity;
  #coldUntilMs: number | undefined;

  /** @throws {RangeError} when a limit is not a positive number */
  constructor(options: LoadShedderOptions) {
    this.#options = {
      clock: systemClock,
      random: Math.random,
      targetQueueMs: 5,
      maxQueueAgeMs: 5_000,
      highWaterMs: 70,
      targetLagMs: 15,
      maxInFlight: 1_024,
      warmUpMs: 2_000,
      ...options,
    };
    const { lifecycle: _, clock: __, random: ___, warmUpMs: ____, ...limits } = this.#options;
    for (const [name, value] of Object.entries(limits)) {
      if (!(value > 0)) {
        throw new RangeError(
          `Cannot create load shedder: ${name} must be a positive number, received "${value}"`,
        );
      }
    }
    this.#limit = this.#options.maxInFlight;
  }

  /** Requests that may be in flight now. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Takes the next sample of the event-loop lag. */
  observeLag(lagMs: number): void {
    const { intervalMs, highWaterMs, targetLagMs, maxInFlight } = this.#options;
    const seenMs = Math.min(lagMs, CAP * highWaterMs);
    const passedMs = intervalMs + seenMs;
    this.#shortLagMs += (seenMs - this.#shortLagMs) * (1 - Math.exp(-passedMs / SHORT_MS));
    this.#longLagMs += (seenMs - this.#longLagMs) * (1 - Math.exp(-passedMs / LONG_MS));
    this.#limit = this.#shortLagMs > targetLagMs
      ? Math.max(Math.min(MIN_IN_FLIGHT, maxInFlight), this.#limit * DECREASE)
      : Math.min(maxInFlight, this.#limit * INCREASE);
  }

  /**
   * Whether a request must be refused. It counts as in flight already. A draining instance refuses
   * nothing: what still comes to it has nowhere else to go.
   *
   * @param requestStart the value of `X-Request-Start`, which the front wrote
   */
  refuse(requestStart: string | null): ShedReason | undefined {
    const { lifecycle, clock, warmUpMs } = this.#options;
    const ageMs = requestStart === null ? undefined : requestAgeMs(requestStart, clock.wallNow());
    const reason = ageMs === undefined ? this.#refuseByLag() : this.#refuseByAge(ageMs);
    if (lifecycle.state.kind === "draining") return undefined;
    const now = clock.now();
    this.#coldUntilMs ??= now + warmUpMs;
    return (now < this.#coldUntilMs ? undefined : reason) ??
      (lifecycle.inFlight > this.#limit ? "in-flight" : undefined);
  }

  #refuseByAge(ageMs: number): ShedReason | undefined {
    const { lifecycle, clock, targetQueueMs, maxQueueAgeMs } = this.#options;
    const now = clock.now();
    const window = this.#window;
    const passedMs = now - window.startMs;
    if (passedMs >= WINDOW_MS) {
      // A window that ended long ago tells nothing: nobody came, or the loop was blocked.
      const share = this.#standingQueue ? END_SHARE : BEGIN_SHARE;
      this.#few = window.requests < WINDOW_REQUESTS;
      const late = passedMs < 2 * WINDOW_MS && !this.#few && window.late >= share * window.requests;
      this.#lateWindows = late ? this.#lateWindows + 1 : 0;
      const recent = now - this.#lastStoodMs < OVERLOAD_MEMORY_MS;
      this.#standingQueue = this.#lateWindows >= (recent ? 1 : PATIENT_WINDOWS);
      if (this.#standingQueue) this.#lastStoodMs = now;
      this.#window = { startMs: now, requests: 0, late: 0 };
    }
    const late = ageMs > (this.#standingQueue ? targetQueueMs : 2 * targetQueueMs);
    this.#window.requests++;
    if (late) this.#window.late++;
    if (ageMs > maxQueueAgeMs) return "queue-age";
    const synchronous = lifecycle.inFlight <= SYNCHRONOUS_IN_FLIGHT;
    if (!late || !synchronous) return undefined;
    if (this.#standingQueue) return "queue-age";
    return this.#few ? this.#refuseByLag() : undefined;
  }

  #refuseByLag(): ShedReason | undefined {
    const { random, highWaterMs } = this.#options;
    const excess = this.#longLagMs / highWaterMs - 1;
    return excess > 0 && random() < excess ? "lag" : undefined;
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
