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
  /** When it last answered well, or was sent a request while it had none. */
  silentSinceMs: number;
  /** Failed attempts since the last success. */
  consecutiveFailures: number;
  /** Ejections that are not forgotten yet; each makes the next one longer. */
  ejections: number;
  /** It takes no requests before this time, by the clock. */
  ejectedUntilMs: number;
  /** While it is in doubt, as many requests go by before it is tried again. */
  passOver: number;
}

/** Options of {@linkcode Balancer}. */
export interface BalancerOptions {
  /** Uniform in [0, 1). @default Math.random */
  random?: () => number;
}

/**
 * Failed the last time it was asked. Such a replica is asked by one request at a time, and only after others went by, until
 * it answers well: what fails costs a retry, and requests that go by are what earns one.
 */
function isInDoubt(endpoint: Endpoint): boolean {
  return endpoint.consecutiveFailures > 0;
}

/** A replica that has requests in flight and has not answered any for so long may hang ... */
const SILENT_MS = 50;
/** ... and counts as having so many more: it gets no others, unless the rest is busy. */
const SILENT_COUNTS = 4;

/**
 * By the requests in flight alone a replica that hangs would get as many as the others had at their
 * busiest moment: theirs end.
 */
function load({ inFlight, silentSinceMs }: Endpoint, nowMs: number): number {
  return inFlight > 0 && nowMs - silentSinceMs > SILENT_MS ? inFlight + SILENT_COUNTS : inFlight;
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

  /** Whether another replica than `endpoint` is likely to answer: neither ejected nor failing just now. */
  hasOther(endpoint: Endpoint, nowMs: number): boolean {
    return this.endpoints.some((other) =>
      other !== endpoint && other.ejectedUntilMs <= nowMs &&
      (!isInDoubt(other) || other.inFlight === 0)
    );
  }

  /**
   * The replica for the next attempt.
   *
   * @param nowMs ejected replicas are left out, unless all are; so are, of the rest, those in doubt
   * @param avoid one that has just failed; taken only when there is no other
   * @returns `undefined` when there is no replica at all
   */
  pick(nowMs: number, avoid?: Endpoint): Endpoint | undefined {
    const all = this.endpoints;
    if (all.length < 2) return all[0];
    let candidates = all;
    for (const endpoint of all) {
      if (endpoint === avoid || endpoint.ejectedUntilMs > nowMs || isInDoubt(endpoint)) {
        candidates = best(all, nowMs, avoid);
        break;
      }
    }
    const count = candidates.length;
    const first = Math.floor(this.#random() * count);
    if (count === 1) return candidates[first];
    const second = (first + 1 + Math.floor(this.#random() * (count - 1))) % count;
    const a = candidates[first];
    const b = candidates[second];
    return a && b && load(b, nowMs) < load(a, nowMs) ? b : a;
  }
}

/** All but one, without the ejected and those in doubt as long as others are left. */
function best(all: readonly Endpoint[], nowMs: number, avoid?: Endpoint): readonly Endpoint[] {
  const others = all.filter((endpoint) => endpoint !== avoid);
  const inPool = others.filter((endpoint) => endpoint.ejectedUntilMs <= nowMs);
  const wanted = inPool.filter((endpoint) => {
    if (!isInDoubt(endpoint)) return true;
    // Only new requests go by; a second attempt earns nothing.
    if (endpoint.passOver > 0 && avoid === undefined) endpoint.passOver--;
    else if (endpoint.passOver === 0) return endpoint.inFlight === 0;
    return false;
  });
  return [wanted, inPool, others].find(({ length }) => length > 0) ?? others;
}

function create(origin: string): Endpoint {
  return {
    origin,
    inFlight: 0,
    silentSinceMs: 0,
    consecutiveFailures: 0,
    ejections: 0,
    ejectedUntilMs: 0,
    passOver: 0,
  };
}
