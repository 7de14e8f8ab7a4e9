/**
 * An HTTP/1.1 client for measuring: one request a connection at a time, a pool that opens a connection whenever
 * none is idle (so that the client itself never queues), every outcome a value with the time it came.
 *
 * @module
 */
import { Connection } from "./connection.ts";
import type { Failure } from "./sample.ts";

/** What to send. */
export interface ClientRequest {
  host: string;
  port: number;
  /** The whole request as bytes, `Connection` header included. */
  bytes: Uint8Array;
  /** Whether the response to it has no body, as to HEAD. */
  toHead: boolean;
  /** Whether sending it twice is harmless (RFC 9110, section 9.2.2). */
  idempotent: boolean;
  /** Local address to send from, so that one machine can be many clients (127.0.0.0/8). */
  localAddress?: string;
}

/** How a request ended. */
export interface ClientOutcome {
  /** `performance.now()` at the last byte or at the failure. */
  endedAt: number;
  status: number;
  error: Failure | null;
  instance: string | null;
  retryAfterS: number | null;
  reused: boolean;
  retries: number;
}

/** Options of {@linkcode MeasuringClient}. */
export interface ClientOptions {
  /** Keep connections for later requests. */
  keepAlive: boolean;
  /** Longest time to the end of the response, from the call. */
  timeoutMs: number;
  /**
   * Send an idempotent request once more on a fresh connection when a kept-alive one was closed before any byte of
   * the response, as RFC 9112 section 9.3.1 allows and clients do. Counted in `retries`. @default true
   */
  retryClosed?: boolean;
}

/** A pool of connections that measures. */
export class MeasuringClient implements Disposable {
  readonly #options: Required<ClientOptions>;
  readonly #idle = new Map<string, Connection[]>();
  readonly #all = new Set<Connection>();

  constructor(options: ClientOptions) {
    this.#options = { retryClosed: true, ...options };
  }

  /** Sends; never rejects. `timeoutMs` (default: the client's) counts from the call. */
  async send(
    request: ClientRequest,
    timeoutMs: number = this.#options.timeoutMs,
  ): Promise<ClientOutcome> {
    const deadline = performance.now() + timeoutMs;
    const first = await this.#over(this.#take(request), request, deadline);
    const mayRetry = this.#options.retryClosed && request.idempotent && first.reused &&
      (first.error === "closed" || first.error === "reset");
    if (!mayRetry) return first;
    const second = await this.#over(this.#open(request), request, deadline);
    return { ...second, retries: 1 };
  }

  /** Closes every connection. */
  [Symbol.dispose](): void {
    for (const connection of this.#all) connection.close();
  }

  #over(connection: Connection, request: ClientRequest, deadline: number): Promise<ClientOutcome> {
    return connection.exchange(request, deadline).then((outcome) => {
      if (connection.usable && this.#options.keepAlive) this.#idleOf(request).push(connection);
      else connection.close();
      return outcome;
    });
  }

  /** The connection that was used last: the rest of the pool can age out. */
  #take(request: ClientRequest): Connection {
    const idle = this.#idleOf(request);
    for (let connection = idle.pop(); connection; connection = idle.pop()) {
      if (connection.usable) return connection;
    }
    return this.#open(request);
  }

  #open(request: ClientRequest): Connection {
    const connection = new Connection(request, () => this.#all.delete(connection));
    this.#all.add(connection);
    return connection;
  }

  #idleOf({ host, port, localAddress = "" }: ClientRequest): Connection[] {
    const key = `${host} ${port} ${localAddress}`;
    const idle = this.#idle.get(key);
    if (idle) return idle;
    const fresh: Connection[] = [];
    this.#idle.set(key, fresh);
    return fresh;
  }
}
