/**
 * Picks a replica: the less busy of two random ones ("power of two choices": M. Mitzenmacher, "The
 * Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001). It needs no shared state
 * and avoids a slow replica by itself, because that one has more requests in flight.
 *
 * @module
 */
import type { Endpoints } from "../endpoints.ts";

/** One replica as seen from here. */
export interface Endpoint {
  readonly origin: string;
  /** Requests sent that have no response header yet. */
  inFlight: number;
  /** Its last request did not end in time. */
  late: boolean;
  /** Failed attempts since the last success. */
  consecutiveFailures: number;
  /** Ejections that are not forgotten yet; each makes the next one longer. */
  ejections: number;
  /** It takes no requests before this time, by the clock. */
  ejectedUntilMs: number;
}

/** Options of {@linkcode Balancer}. */
export interface BalancerOptions {
  /** Uniform in [0, 1). @default Math.random */
  random?: () => number;
}

/** The replicas of a service with what is known of each. */
export class Balancer {
  readonly #source: Endpoints;
  readonly #random: () => number;
  #origins: readonly string[] = [];
  #endpoints: readonly Endpoint[] = [];

  constructor(source: Endpoints, options: BalancerOptions = {}) {
    const { random = Math.random } = options;
    this.#source = source;
    this.#random = random;
  }

  /** All replicas, those ejected included. What is known of one survives a change of the list. */
  get endpoints(): readonly Endpoint[] {
    const origins = this.#source.current();
    if (origins !== this.#origins) {
      const known = new Map(this.#endpoints.map((endpoint) => [endpoint.origin, endpoint]));
      this.#origins = origins;
      this.#endpoints = [...new Set(origins)].map((origin) => known.get(origin) ?? create(origin));
    }
    return this.#endpoints;
  }

  /**
   * The replica for the next attempt.
   *
   * @param nowMs ejected replicas are left out, unless all are
   * @param avoid one that has just failed; taken only when there is no other
   * @returns `undefined` when there is no replica at all
   */
  pick(nowMs: number, avoid?: Endpoint): Endpoint | undefined {
    const all = this.endpoints;
    if (all.length < 2) return all[0];
    let candidates = all;
    if (all.some((endpoint) => endpoint === avoid || endpoint.ejectedUntilMs > nowMs)) {
      const others = all.filter((endpoint) => endpoint !== avoid);
      candidates = others.filter((endpoint) => endpoint.ejectedUntilMs <= nowMs);
      if (candidates.length === 0) candidates = others;
    }
    const count = candidates.length;
    const first = Math.floor(this.#random() * count);
    if (count === 1) return candidates[first];
    const second = (first + 1 + Math.floor(this.#random() * (count - 1))) % count;
    const a = candidates[first];
    const b = candidates[second];
    return a && b && b.inFlight < a.inFlight ? b : a;
  }
}

function create(origin: string): Endpoint {
  return {
    origin,
    inFlight: 0,
    late: false,
    consecutiveFailures: 0,
    ejections: 0,
    ejectedUntilMs: 0,
  };
}
