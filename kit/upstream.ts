/**
 * The way to a service: picks a replica, sends within a deadline, and survives that replicas or the
 * whole service are slow, failing or away.
 *
 * From the outside in: coalescing, bulkhead, retries and hedging on a budget, breaker, balancer with
 * ejection, deadline. Each layer can be left out, so that the lab can show what it is good for and what it costs.
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import type { Endpoints } from "./endpoints.ts";
import { Problem } from "./problem.ts";
import { Attempts } from "./upstream/attempts.ts";
import { Balancer } from "./upstream/balancer.ts";
import { Breaker, type BreakerOptions, type BreakerState } from "./upstream/breaker.ts";
import { RetryBudget } from "./upstream/budget.ts";
import { Coalescer } from "./upstream/coalescer.ts";
import { Ejector } from "./upstream/ejection.ts";
import { waitForRecovery } from "./upstream/recovery.ts";
import type { HttpSend, UpstreamRequest } from "./upstream/request.ts";
import { Retries } from "./upstream/retries.ts";
import { SharedTimers } from "./upstream/shared_timers.ts";

/** What can be left out. */
export const LAYERS = [
  "coalesce",
  "bulkhead",
  "retry",
  "hedge",
  "budget",
  "breaker",
  "ejection",
  "deadline",
] as const;
/** One of {@linkcode LAYERS}. */
export type Layer = (typeof LAYERS)[number];

/** Options of {@linkcode createUpstream}. */
export interface UpstreamOptions {
  /** Name of the service. */
  name: string;
  endpoints: Endpoints;
  /** @default systemClock */
  clock?: Clock;
  /** Uniform in [0, 1). @default Math.random */
  random?: () => number;
  /** Sends one request; see `createHttpClient`. */
  send: HttpSend;
  /** Shared by all upstreams of a process. @default its own */
  timers?: SharedTimers;
  /** Layers to leave out. @default [] */
  layersOff?: readonly Layer[];
  /** Requests to the service at a time; more are refused. @default 256 */
  maxConcurrent?: number;
  /** A GET that has no answer after this time is sent to a second replica too. @default 250 */
  hedgeAfterMs?: number;
  breaker?: Pick<BreakerOptions, "openMs" | "maxOpenMs" | "onChange">;
}

/** What an upstream says of itself. */
export interface UpstreamSnapshot {
  breaker: BreakerState;
  endpoints: { origin: string; inFlight: number; ejected: boolean }[];
  /** Requests that are being answered. */
  active: number;
  /** Since the start: attempts of any kind, and how many of them were retries and hedges. */
  attempts: number;
  retries: number;
  hedges: number;
  /** Requests that shared the answer of another. */
  coalesced: number;
  /** Requests refused by the breaker or the bulkhead. */
  refused: number;
}

/** The way to one service. */
export interface Upstream {
  readonly name: string;
  /**
   * Sends a request; the answer may be of any status, its body may be a stream, and its headers can be changed.
   *
   * @throws {Problem} `bad-gateway` when no replica answered, `gateway-timeout` when the deadline
   * passed, `unavailable` while the breaker is open, `overloaded` when too many wait already, and what
   * the client did wrong with its body
   */
  send(request: UpstreamRequest): Promise<Response>;
  snapshot(): UpstreamSnapshot;
}

/** Makes the way to one service. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { name, endpoints, send, clock = systemClock, random = Math.random } = options;
  const { timers = new SharedTimers(clock), layersOff = [], maxConcurrent = 256 } = options;
  const on = (layer: Layer) => !layersOff.includes(layer);
  const balancer = new Balancer(endpoints, { random });
  let recovery: AbortController | undefined;
  const breaker = new Breaker({
    random,
    ...options.breaker,
    onChange(state) {
      recovery?.abort();
      if (state.kind === "open" && state.openings > 1) void askAgainOnRecovery();
      options.breaker?.onChange?.(state);
    },
  });

  /** The first pause is short; every later one ends as soon as a service that was silent answers again. */
  async function askAgainOnRecovery(): Promise<void> {
    recovery = new AbortController();
    const { signal } = recovery;
    const origins = () => endpoints.current();
    const back = await waitForRecovery({ origins, send, clock, timers, signal });
    if (back) breaker.askAgain(clock.now());
  }

  const attempts = new Attempts({
    name,
    clock,
    send,
    balancer,
    ...(on("deadline") ? { timers } : {}),
    ...(on("breaker") ? { breaker } : {}),
    ...(on("ejection") ? { ejector: new Ejector() } : {}),
  });
  // A floor that is never reached bounds nothing, and the hot path need not know.
  const budget = new RetryBudget(on("budget") ? {} : { floor: Number.MAX_SAFE_INTEGER });
  const retries = new Retries({
    attempts,
    clock,
    random,
    timers,
    budget,
    maxRetries: on("retry") ? 2 : 0,
    hedgeAfterMs: on("hedge") ? options.hedgeAfterMs ?? 250 : Infinity,
  });
  const coalescer = new Coalescer(on("deadline") ? { timers } : {});
  const limit = on("bulkhead") ? maxConcurrent : Infinity;
  let active = 0;
  let overflowed = 0;

  async function dispatch(request: UpstreamRequest): Promise<Response> {
    if (active >= limit) {
      overflowed++;
      throw new Problem("overloaded", {
        detail: `Too many requests wait for ${name}`,
        headers: { "retry-after": "1" },
      });
    }
    active++;
    budget.begin();
    try {
      return await retries.send(request);
    } finally {
      active--;
      budget.end();
    }
  }

  return {
    name,
    send: on("coalesce") ? (request) => coalescer.run(request, () => dispatch(request)) : dispatch,
    snapshot: () => ({
      breaker: breaker.state,
      endpoints: balancer.endpoints.map(({ origin, inFlight, ejectedUntilMs }) => ({
        origin,
        inFlight,
        ejected: ejectedUntilMs > clock.now(),
      })),
      active,
      attempts: attempts.made,
      retries: retries.retried,
      hedges: retries.hedged,
      coalesced: coalescer.joined,
      refused: attempts.refused + overflowed,
    }),
  };
}
