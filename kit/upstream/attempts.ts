/**
 * One try at one replica, and what it teaches about the replica and its service.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { DEADLINE_HEADER } from "../deadline.ts";
import { Problem } from "../problem.ts";
import type { Balancer, Endpoint } from "./balancer.ts";
import type { Breaker, Outcome } from "./breaker.ts";
import type { Ejector } from "./ejection.ts";
import type { HttpRequest, HttpSend, UpstreamRequest } from "./request.ts";
import type { SharedTimers } from "./shared_timers.ts";

/** Options of {@linkcode Attempts}. What is absent is left out. */
export interface AttemptsOptions {
  /** Name of the service. */
  name: string;
  clock: Clock;
  send: HttpSend;
  balancer: Balancer;
  timers?: SharedTimers;
  breaker?: Breaker;
  ejector?: Ejector;
}

/** Makes attempts. */
export class Attempts {
  readonly #options: AttemptsOptions;
  #made = 0;
  #refused = 0;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** Attempts that were sent. */
  get made(): number {
    return this.#made;
  }

  /** Attempts that the breaker refused. */
  get refused(): number {
    return this.#refused;
  }

  /** Whether another replica could be asked as well. */
  get hasChoice(): boolean {
    return this.#options.balancer.endpoints.length > 1;
  }

  /** Whether to ask another replica is likely to help while `endpoint` takes long. */
  hasOther(endpoint: Endpoint): boolean {
    return this.#options.balancer.hasOther(endpoint, this.#options.clock.now());
  }

  /**
   * The replica for an attempt, if possible not `avoid`.
   *
   * @throws {Problem} `bad-gateway` when there is none
   */
  pick(avoid?: Endpoint): Endpoint {
    const { name, balancer, clock } = this.#options;
    const endpoint = balancer.pick(clock.now(), avoid);
    if (endpoint) return endpoint;
    throw new Problem("bad-gateway", { detail: `No replica of ${name} is known` });
  }

  /**
   * Sends `request` to `endpoint`.
   *
   * @throws {Problem} `unavailable` when the breaker refuses, `gateway-timeout`, `bad-gateway`, and what
   * the client did wrong with its body
   */
  async send(endpoint: Endpoint, request: UpstreamRequest): Promise<Response> {
    const { name, clock, breaker, timers, send } = this.#options;
    const nowMs = clock.now();
    const pass = breaker?.enter(nowMs);
    if (breaker !== undefined && pass === undefined) throw this.#refuse(breaker, nowMs);
    const { deadlineAtMs, streamed = false } = request;
    const signal = timers?.signal(deadlineAtMs);
    let outcome: Outcome = "ignored";
    this.#made++;
    if (endpoint.inFlight++ === 0) endpoint.silentSinceMs = nowMs;
    try {
      const leftMs = timers ? deadlineAtMs - nowMs : undefined;
      let answer = await send(endpoint.origin + request.path, toSend(request, leftMs, signal));
      // For whoever reads the body himself it must be there: what hangs or breaks off in it counts as well.
      if (!streamed) answer = await withWholeBody(answer);
      outcome = isFailure(answer) ? "failure" : "success";
      return answer;
    } catch (cause) {
      const late = signal?.aborted ?? false;
      const fault = request.body?.clientFailure(cause, late);
      if (fault) throw fault;
      outcome = "failure";
      throw late
        ? new Problem("gateway-timeout", { detail: `${name} did not answer in time`, cause })
        : new Problem("bad-gateway", { detail: `${name} did not answer`, cause });
    } finally {
      endpoint.inFlight--;
      const endMs = clock.now();
      if (outcome === "success") endpoint.silentSinceMs = endMs;
      breaker?.leave(pass, outcome, endMs);
      if (outcome === "success") this.#options.ejector?.succeeded(endpoint);
      else if (outcome === "failure") this.blame(endpoint);
    }
  }

  /** Counts a failure against a replica. */
  blame(endpoint: Endpoint): void {
    const { ejector, balancer, clock } = this.#options;
    ejector?.failed(endpoint, balancer.endpoints, clock.now());
  }

  #refuse(breaker: Breaker, nowMs: number): Problem {
    this.#refused++;
    const seconds = Math.max(1, Math.ceil(breaker.retryAfterMs(nowMs) / 1000));
    return new Problem("unavailable", {
      detail: `${this.#options.name} is failing and is left alone for a while`,
      headers: { "retry-after": String(seconds) },
    });
  }
}

/**
 * Whether an answer counts against the replica and is worth another try. A 503 that says when to come
 * back does not: that service is alive, and it asks to be left alone.
 */
export function isFailure({ status, headers }: Response): boolean {
  if (status < 500) return false;
  return status === 503 ? !headers.has("retry-after") : status !== 501 && status !== 505;
}

async function withWholeBody(answer: Response): Promise<Response> {
  const { status, headers } = answer;
  return new Response(answer.body ? await answer.arrayBuffer() : null, { status, headers });
}

/** Lets go of an answer that nobody wants. */
export function discard(answer: Response): void {
  answer.body?.cancel().catch(() => {
    // The connection is gone already.
  });
}

function toSend(
  request: UpstreamRequest,
  leftMs: number | undefined,
  signal: AbortSignal | undefined,
): HttpRequest {
  const { method, headers = {}, body, streamed = false } = request;
  // In place: a copy for each attempt is garbage.
  headers["accept-encoding"] ??= "identity"; // some answers are read here, and the front is the one who compresses
  if (leftMs !== undefined) headers[DEADLINE_HEADER] = String(Math.max(0, Math.floor(leftMs)));
  const sent: HttpRequest = { method, headers, streamed };
  if (signal) sent.signal = signal;
  // A stream is sent at most once; Deno sends a buffered body again when a pooled connection dies. So
  // even an empty body is a stream.
  if (method !== "GET" && method !== "HEAD") sent.body = body?.stream ?? emptyStream();
  return sent;
}

function emptyStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}
