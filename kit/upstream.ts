/**
 * The way to a service: picks a replica, sends within a deadline, and says what went wrong in terms of
 * a {@linkcode Problem}.
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import { DEADLINE_HEADER } from "./deadline.ts";
import type { Endpoints } from "./endpoints.ts";
import { Problem } from "./problem.ts";
import { Balancer, type Endpoint } from "./upstream/balancer.ts";
import { DeadlineSignals } from "./upstream/deadline.ts";
import type { HeaderList } from "./upstream/headers.ts";
import type { RequestBody } from "./upstream/request_body.ts";

/** A request to a service. */
export interface UpstreamRequest {
  method: string;
  /** Path and query as the service knows them. Whatever a client had a say in is already checked. */
  path: string;
  /** End-to-end fields. */
  headers?: HeaderList;
  body?: RequestBody;
  /** When the answer must be complete, by the clock's {@linkcode Clock.now}. */
  deadlineAtMs: number;
}

/** Options of {@linkcode createUpstream}. */
export interface UpstreamOptions {
  /** Name of the service. */
  name: string;
  endpoints: Endpoints;
  /** @default systemClock */
  clock?: Clock;
  /** Uniform in [0, 1). @default Math.random */
  random?: () => number;
  /** @default the runtime's fetch */
  fetch?: typeof fetch;
  /** Shared by all upstreams of a process. @default its own */
  signals?: DeadlineSignals;
}

/** What an upstream says of itself. */
export interface UpstreamSnapshot {
  endpoints: { origin: string; inFlight: number }[];
}

/** The way to one service. */
export interface Upstream {
  readonly name: string;
  /**
   * Sends a request; the answer is streamed and may be of any status.
   *
   * @throws {Problem} `bad-gateway` when no replica answered, `gateway-timeout` when the deadline
   * passed, and what the client did wrong with its body
   */
  send(request: UpstreamRequest): Promise<Response>;
  snapshot(): UpstreamSnapshot;
}

/** Makes the way to one service. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { name, endpoints, clock = systemClock, random = Math.random } = options;
  const { fetch: fetchFrom = fetch, signals = new DeadlineSignals(clock) } = options;
  const balancer = new Balancer(endpoints, { random });

  async function attempt(endpoint: Endpoint, request: UpstreamRequest): Promise<Response> {
    const { method, path, headers = [], body, deadlineAtMs } = request;
    const leftMs = Math.floor(deadlineAtMs - clock.now());
    const signal = signals.at(deadlineAtMs);
    endpoint.inFlight++;
    try {
      return await fetchFrom(endpoint.origin + path, {
        method,
        headers: [
          ...headers,
          [DEADLINE_HEADER, String(Math.max(0, leftMs))],
          // fetch would decompress, and the front is the one who compresses.
          ["accept-encoding", "identity"],
        ],
        // A stream is sent at most once; Deno sends a buffered body again when a pooled connection
        // dies. So even an empty body of a POST is a stream.
        ...(method === "GET" || method === "HEAD"
          ? {}
          : { body: body?.stream ?? emptyStream(), duplex: "half" }),
        redirect: "manual",
        signal,
      } as RequestInit);
    } catch (cause) {
      throw body?.clientFailure(cause, signal.aborted) ??
        (signal.aborted
          ? new Problem("gateway-timeout", { detail: `${name} did not answer in time`, cause })
          : new Problem("bad-gateway", { detail: `${name} could not be reached`, cause }));
    } finally {
      endpoint.inFlight--;
    }
  }

  return {
    name,
    send(request) {
      const endpoint = balancer.pick(clock.now());
      if (endpoint) return attempt(endpoint, request);
      return Promise.reject(
        new Problem("bad-gateway", { detail: `No replica of ${name} is known` }),
      );
    },
    snapshot: () => ({
      endpoints: balancer.endpoints.map(({ origin, inFlight }) => ({ origin, inFlight })),
    }),
  };
}

function emptyStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}
