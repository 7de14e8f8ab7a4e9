/**
 * A circuit breaker: a service that fails is left alone for a while, then asked by a few probes. The
 * state machine; when to trip is a {@linkcode TripRule}.
 *
 * (M. Nygard, "Release It!", 2nd ed. 2018, chapter 5. No library was used: of those at hand none limits
 * the half-open state to a number of probes and refuses the rest.)
 *
 * @module
 */
import { FailureWindow, type TripRule } from "./failure_window.ts";

/** The state of a breaker. */
export type BreakerState =
  | { readonly kind: "closed" }
  | {
    readonly kind: "open";
    /** Calls are refused until then, by the clock. */
    readonly untilMs: number;
    /** Times that it opened since it was last closed, or since {@linkcode Breaker.askAgain}. */
    readonly openings: number;
  }
  | {
    readonly kind: "half-open";
    readonly openings: number;
    /** Probes sent, and those that came back well. */
    readonly admitted: number;
    readonly succeeded: number;
  };

/** How a call ended: `ignored` says nothing about the service. */
export type Outcome = "success" | "failure" | "ignored";

/** Permission for one call; to be handed back to {@linkcode Breaker.leave}. Calls of one state share it. */
export type Pass = symbol | undefined;

/** Options of {@linkcode Breaker}. */
export interface BreakerOptions {
  /** @default new FailureWindow() */
  rule?: TripRule;
  /** First time that it stays open; doubles each time the probes fail. @default 5000 */
  openMs?: number;
  /** Longest time that it stays open. @default 60000 */
  maxOpenMs?: number;
  /** Share of the open time that is random, so that replicas do not probe together. @default 0.2 */
  jitter?: number;
  /** Probes that must succeed in a row before it closes. @default 3 */
  probes?: number;
  /** Uniform in [0, 1). @default Math.random */
  random?: () => number;
  /** Told of each change of kind. */
  onChange?: (state: BreakerState) => void;
}

const CLOSED: BreakerState = { kind: "closed" };

/** The breaker of one service. */
export class Breaker {
  readonly #rule: TripRule;
  readonly #openMs: number;
  readonly #maxOpenMs: number;
  readonly #jitter: number;
  readonly #probes: number;
  readonly #random: () => number;
  readonly #onChange: ((state: BreakerState) => void) | undefined;
  #state: BreakerState = CLOSED;
  /** Changes with the kind of state: what was begun in an earlier one says nothing about this one. */
  #pass = Symbol();

  /** @throws {RangeError} when an option is not in its range */
  constructor(options: BreakerOptions = {}) {
    const { rule = new FailureWindow(), openMs = 5_000, maxOpenMs = 60_000, jitter = 0.2 } =
      options;
    const { probes = 3, random = Math.random, onChange } = options;
    check("openMs must be > 0", openMs, openMs > 0);
    check("maxOpenMs must be >= openMs", maxOpenMs, maxOpenMs >= openMs);
    check("jitter must be in [0, 1)", jitter, jitter >= 0 && jitter < 1);
    check("probes must be an integer >= 1", probes, Number.isInteger(probes) && probes >= 1);
    this.#rule = rule;
    this.#openMs = openMs;
    this.#maxOpenMs = maxOpenMs;
    this.#jitter = jitter;
    this.#probes = probes;
    this.#random = random;
    this.#onChange = onChange;
  }

  /** The state as of the last call; an open breaker turns half-open when the next call comes. */
  get state(): BreakerState {
    return this.#state;
  }

  /** Asks to make a call; `undefined` is a refusal. */
  enter(nowMs: number): Pass {
    if (this.#state.kind === "open" && nowMs >= this.#state.untilMs) {
      const { openings } = this.#state;
      this.#change({ kind: "half-open", openings, admitted: 0, succeeded: 0 });
    }
    const state = this.#state;
    switch (state.kind) {
      case "closed":
        return this.#pass;
      case "open":
        return undefined;
      case "half-open":
        if (state.admitted >= this.#probes) return undefined;
        this.#state = { ...state, admitted: state.admitted + 1 };
        return this.#pass;
    }
  }

  /** Says how a call ended that {@linkcode Breaker.enter} let through. */
  leave(pass: Pass, outcome: Outcome, nowMs: number): void {
    if (pass !== this.#pass) return;
    const state = this.#state;
    if (state.kind === "closed") {
      if (outcome === "ignored") return;
      if (this.#rule.record(nowMs, outcome === "failure")) this.#open(1, nowMs);
    } else if (state.kind === "half-open") {
      if (outcome === "failure") this.#open(state.openings + 1, nowMs);
      else if (outcome === "ignored") this.#state = { ...state, admitted: state.admitted - 1 };
      else if (state.succeeded + 1 < this.#probes) {
        this.#state = { ...state, succeeded: state.succeeded + 1 };
      } else {
        this.#rule.reset();
        this.#change(CLOSED);
      }
    }
  }

  /** The service has shown that it is back: the next call is let through as a probe, and pauses begin anew. */
  askAgain(nowMs: number): void {
    if (this.#state.kind === "open") this.#state = { kind: "open", untilMs: nowMs, openings: 0 };
  }

  /** How long a refused client should wait, in milliseconds. */
  retryAfterMs(nowMs: number): number {
    return this.#state.kind === "open" ? Math.max(0, this.#state.untilMs - nowMs) : 0;
  }

  #open(openings: number, nowMs: number): void {
    const openMs = Math.min(this.#maxOpenMs, this.#openMs * 2 ** (openings - 1));
    const shortened = openMs * (1 - this.#jitter * this.#random());
    this.#change({ kind: "open", untilMs: nowMs + shortened, openings });
  }

  #change(state: BreakerState): void {
    this.#state = state;
    this.#pass = Symbol();
    this.#onChange?.(state);
  }
}

function check(rule: string, value: number, holds: boolean): void {
  if (!holds) throw new RangeError(`Cannot create breaker: ${rule}, received "${value}"`);
}
