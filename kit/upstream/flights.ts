/**
 * The requests that are in flight, by what they ask for.
 *
 * @module
 */
import type { HeaderFields } from "./headers.ts";

/** What a request asks for, with the bucket in which it is looked for. */
export interface FlightKey {
  readonly path: string;
  readonly credentials: string;
  readonly bucket: number;
}

/** A request on its way, with what somebody must be told who asks for the same. */
export interface Flight<T> extends FlightKey {
  /** Fields of the request. */
  headers: HeaderFields;
  /** Present as soon as somebody waits. */
  shared: PromiseWithResolvers<T> | undefined;
  /** The age in which it began, see {@linkcode Flights.closeAll}. */
  readonly age: number;
  /** Another in the same bucket. */
  next: Flight<T> | undefined;
}

/** A power of two, and many more than there are requests in flight: those bound a bucket even for who aims at one. */
const BUCKETS = 1_024;
const NO_FIELDS: HeaderFields = {};
/** Ages come round, but no flight is that old; so they stay small integers. */
const MAX_AGE = 0x3fffffff;

/**
 * Finds a flight by path and credentials.
 *
 * Not a `Map`, which V8 builds anew every few dozen entries that come and go, and whose old tables each point at the
 * next: once the garbage collector has moved one to the old generation, all that follow are kept until that is
 * collected as well, and with them what was asked for and by whom. Here it was a third of what a request left there.
 */
export class Flights<T> {
  readonly #buckets = new Array<Flight<T> | undefined>(BUCKETS).fill(undefined);
  #age = 0;

  /** The flight that asks for the same, if it may still be joined. */
  find({ path, credentials, bucket }: FlightKey): Flight<T> | undefined {
    let flight = this.#buckets[bucket];
    while (
      flight &&
      (flight.path !== path || flight.credentials !== credentials || flight.age !== this.#age)
    ) {
      flight = flight.next;
    }
    return flight;
  }

  /** From now on nobody finds the flights that are under way. */
  closeAll(): void {
    this.#age = (this.#age + 1) & MAX_AGE;
  }

  /** Adds a flight that {@linkcode find} does not find yet. */
  add({ path, credentials, bucket }: FlightKey, headers: HeaderFields): Flight<T> {
    const next = this.#buckets[bucket];
    const flight = { path, credentials, bucket, headers, shared: undefined, age: this.#age, next };
    this.#buckets[bucket] = flight;
    return flight;
  }

  /** Removes a flight that was added. Nobody may need its fields any more: what is left of it should hold nothing. */
  remove(flight: Flight<T>): void {
    const { bucket } = flight;
    let before = this.#buckets[bucket];
    if (before === flight) this.#buckets[bucket] = flight.next;
    else {
      while (before && before.next !== flight) before = before.next;
      if (before) before.next = flight.next;
    }
    flight.next = undefined;
    flight.headers = NO_FIELDS;
  }
}

/** The key of a request. Its bucket is FNV-1a of the path, folded. */
export function flightKey(path: string, credentials: string): FlightKey {
  let hash = 0x811c9dc5;
  for (let i = 0; i < path.length; i++) {
    hash = Math.imul(hash ^ path.charCodeAt(i), 0x01000193);
  }
  return { path, credentials, bucket: (hash ^ (hash >>> 16)) & (BUCKETS - 1) };
}
