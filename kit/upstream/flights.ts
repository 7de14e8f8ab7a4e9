/**
 * The requests that are in flight, by what they ask for.
 *
 * @module
 */
import type { HeaderFields } from "./headers.ts";

/** A request on its way, with what somebody must be told who asks for the same. */
export interface Flight<T> {
  readonly path: string;
  readonly credentials: string;
  /** Fields of the request. */
  headers: HeaderFields;
  /** Present as soon as somebody waits. */
  shared: PromiseWithResolvers<T> | undefined;
  /** Another in the same bucket. */
  next: Flight<T> | undefined;
}

/** A power of two, and many more than there are requests in flight. */
const BUCKETS = 1_024;
const NO_FIELDS: HeaderFields = {};

/**
 * Finds a flight by path and credentials.
 *
 * Not a `Map`, which V8 builds anew every few dozen entries that come and go, and whose old tables each point at the
 * next: once the garbage collector has moved one to the old generation, all that follow are kept until that is
 * collected as well, and with them what was asked for and by whom. Here it was a third of what a request left there.
 */
export class Flights<T> {
  readonly #buckets = new Array<Flight<T> | undefined>(BUCKETS).fill(undefined);

  /** The flight that asks for `path` with the same credentials. */
  find(path: string, credentials: string): Flight<T> | undefined {
    let flight = this.#buckets[bucketOf(path)];
    while (flight && (flight.path !== path || flight.credentials !== credentials)) {
      flight = flight.next;
    }
    return flight;
  }

  /** Adds a flight that {@linkcode find} does not find yet. */
  add(path: string, credentials: string, headers: HeaderFields): Flight<T> {
    const bucket = bucketOf(path);
    const next = this.#buckets[bucket];
    const flight = { path, credentials, headers, shared: undefined, next };
    this.#buckets[bucket] = flight;
    return flight;
  }

  /** Removes a flight that was added. Nobody may need its fields any more: what is left of it should hold nothing. */
  remove(flight: Flight<T>): void {
    const bucket = bucketOf(flight.path);
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

/** FNV-1a, folded. */
function bucketOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
}
