/**
 * The life of an instance: starting, ready, draining, closed. It counts the requests in flight, so that
 * a drain can end when the last one has been answered.
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";

/** How far an instance is in its life; each state holds only what belongs to it. */
export type LifecycleState =
  | { readonly kind: "starting" }
  | { readonly kind: "ready" }
  | {
    readonly kind: "draining";
    /** When the drain began, by the clock's {@linkcode Clock.now}. */
    readonly sinceMs: number;
  }
  | { readonly kind: "closed" };

/** Options of {@linkcode Lifecycle}. */
export interface LifecycleOptions {
  /** @default systemClock */
  clock?: Clock;
  /**
   * A drain is over when nothing is in flight and nothing new came for this long. The pause lets a
   * front that polls readiness notice before the port closes.
   *
   * @default 500
   */
  quietMs?: number;
}

const POLL_MS = 10;

/** State and in-flight count of one instance. */
export class Lifecycle {
  readonly #clock: Clock;
  readonly #quietMs: number;
  #state: LifecycleState = { kind: "starting" };
  #inFlight = 0;
  #lastEnterMs = 0;

  /** @throws {RangeError} when `quietMs` is not a number >= 0 */
  constructor(options: LifecycleOptions = {}) {
    const { clock = systemClock, quietMs = 500 } = options;
    if (!(quietMs >= 0 && quietMs < Infinity)) {
      throw new RangeError(
        `Cannot create lifecycle: quietMs must be a number >= 0, received "${quietMs}"`,
      );
    }
    this.#clock = clock;
    this.#quietMs = quietMs;
  }

  /** The state now. */
  get state(): LifecycleState {
    return this.#state;
  }

  /** Requests that have entered and not left. Probes do not count: they would keep a drain awake. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** A request begins. It is served in every state: refusing is the front's and the socket's task. */
  enter(): void {
    this.#inFlight++;
    if (this.#state.kind === "draining") this.#lastEnterMs = this.#clock.now();
  }

  /** A request has ended: its response was handed over, or failed. Call it once for each `enter`. */
  leave(): void {
    this.#inFlight--;
  }

  /** The instance can take requests. Does nothing once draining has begun. */
  markReady(): void {
    if (this.#state.kind === "starting") this.#state = { kind: "ready" };
  }

  /**
   * Stops being ready at once, and waits until the instance is quiet: nothing in flight, and nothing
   * new for `quietMs`. A second call waits along with the first.
   *
   * @returns `true` when it became quiet, `false` when `timeoutMs` passed first
   */
  async drain(timeoutMs: number): Promise<boolean> {
    const clock = this.#clock;
    if (this.#state.kind === "closed") return true;
    if (this.#state.kind !== "draining") {
      this.#lastEnterMs = clock.now();
      this.#state = { kind: "draining", sinceMs: this.#lastEnterMs };
    }
    const deadline = clock.now() + timeoutMs;
    while (this.#inFlight > 0 || clock.now() - this.#lastEnterMs < this.#quietMs) {
      const left = deadline - clock.now();
      if (left <= 0) return false;
      // deno-lint-ignore no-await-in-loop -- polling is the point
      await clock.sleep(Math.min(POLL_MS, left));
    }
    return true;
  }

  /** The end: the port is closed. */
  close(): void {
    this.#state = { kind: "closed" };
  }
}
