/**
 * Lets clients who ask for the same thing at the same time share one answer.
 *
 * Whoever asks first leads: his answer streams through untouched unless somebody else waits for it. Then
 * it is read once, if it is short and may be shared, and everybody gets a copy; otherwise the others ask
 * for themselves. Nothing is kept after that: this is no cache.
 *
 * @module
 */
import { Problem } from "../problem.ts";
import { type Flight, flightKey, Flights } from "./flights.ts";
import type { UpstreamRequest } from "./request.ts";
import { asksForItsOwn, sharableBy } from "./shareable.ts";
import { DeadlineExceeded, type SharedTimers } from "./shared_timers.ts";

/** Longest answer that is held for those who wait. */
const MAX_SHARED_BYTES = 1_048_576;

interface Shared {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Request fields that the answer depends on. */
  readonly vary: readonly string[];
}

/** Options of {@linkcode Coalescer}. */
export interface CoalescerOptions {
  /**
   * Let nobody wait beyond the deadline of his own request; without them sharing may take for ever. Who leads
   * may have an earlier one: when that passes, it has passed for those who joined.
   */
  timers?: SharedTimers;
}

/** Joins identical GETs that are in flight. */
export class Coalescer {
  readonly #timers: SharedTimers | undefined;
  readonly #flights = new Flights<Shared | undefined>();
  #joined = 0;

  constructor(options: CoalescerOptions = {}) {
    this.#timers = options.timers;
  }

  /** Requests that were answered without a call of their own. */
  get joined(): number {
    return this.#joined;
  }

  /** Answers `request` by `send`, or with what somebody else's is answered. */
  run(request: UpstreamRequest, send: () => Promise<Response>): Promise<Response> {
    const { method, path, headers = {}, credentials = "" } = request;
    if (method !== "GET") return method === "HEAD" ? send() : this.#write(send);
    if (asksForItsOwn(headers)) return send();
    const key = flightKey(path, credentials);
    const flight = this.#flights.find(key);
    if (flight) return this.#join(flight, request, send);
    return this.#lead(this.#flights.add(key, headers), request.deadlineAtMs, send);
  }

  /** Who asks after a write to this service, at this replica, must not share what was asked before it. */
  async #write(send: () => Promise<Response>): Promise<Response> {
    try {
      return await send();
    } finally {
      this.#flights.closeAll();
    }
  }

  async #lead(
    flight: Flight<Shared | undefined>,
    deadlineAtMs: number,
    send: () => Promise<Response>,
  ): Promise<Response> {
    try {
      const answer = await send();
      this.#flights.remove(flight);
      if (!flight.shared) return answer;
      const vary = sharableBy(answer, MAX_SHARED_BYTES);
      if (!vary) {
        flight.shared.resolve(undefined);
        return answer;
      }
      const { status, headers } = answer;
      // Not bytes(): the Response that @hono/node-server puts in place of Node's has none.
      const body = new Uint8Array(await this.#inTime(answer.arrayBuffer(), deadlineAtMs));
      const shared = { status, headers, body, vary };
      flight.shared.resolve(shared);
      return copy(shared);
    } catch (error) {
      this.#flights.remove(flight);
      flight.shared?.reject(error);
      throw error;
    }
  }

  /** What `work` comes to, if it does so by the deadline of who waits for it. */
  async #inTime<T>(work: Promise<T>, deadlineAtMs: number): Promise<T> {
    try {
      return await (this.#timers?.race(work, deadlineAtMs) ?? work);
    } catch (cause) {
      if (!(cause instanceof DeadlineExceeded)) throw cause;
      throw new Problem("gateway-timeout", { detail: "The answer did not end in time", cause });
    }
  }

  async #join(
    flight: Flight<Shared | undefined>,
    { headers = {}, deadlineAtMs }: UpstreamRequest,
    send: () => Promise<Response>,
  ): Promise<Response> {
    const { headers: others } = flight;
    flight.shared ??= Promise.withResolvers();
    const shared = await this.#inTime(flight.shared.promise, deadlineAtMs);
    if (!shared || shared.vary.some((name) => headers[name] !== others[name])) return send();
    this.#joined++;
    return copy(shared);
  }
}

function copy({ status, headers, body }: Shared): Response {
  const bodiless = status === 204 || status === 304;
  // Everybody's own: the Response of @hono/node-server would let all change the same.
  return new Response(bodiless ? null : body, { status, headers: new Headers(headers) });
}
