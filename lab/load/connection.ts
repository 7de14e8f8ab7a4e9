/**
 * One connection of the measuring client. `node:net` cost no more than `Deno.connect` here (7 against 7 % of a core at
 * 200 requests/s) and can choose the local address.
 *
 * @module
 */
import net from "node:net";
import type { ClientOutcome, ClientRequest } from "./client.ts";
import { HttpResponseReader } from "./http_response.ts";
import type { Failure } from "./sample.ts";

/** What a connection does now. */
type Exchange = {
  reader: HttpResponseReader;
  finish(status: number, error: Failure | null): void;
};

/** One socket, one request at a time. */
export class Connection {
  readonly #socket: net.Socket;
  #exchange: Exchange | undefined;
  #connected = false;
  #closed = false;
  #carried = 0;

  constructor({ host, port, localAddress }: ClientRequest, onClosed: () => void) {
    const socket = net.connect({
      host,
      port,
      noDelay: true,
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    this.#socket = socket;
    socket.on("connect", () => this.#connected = true);
    socket.on("data", (bytes) => this.#onData(bytes));
    socket.on("end", () => this.#onEnd());
    socket.on("error", (error) => this.#fail(failureOf(error)));
    socket.on("close", () => {
      this.#fail("closed");
      onClosed();
    });
  }

  /** Whether it can carry another request. */
  get usable(): boolean {
    return this.#connected && !this.#closed && this.#exchange === undefined;
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  /** Sends and waits for the end of the response, at most until `deadline` (`performance.now()`). */
  exchange(request: ClientRequest, deadline: number): Promise<ClientOutcome> {
    const reused = this.#carried++ > 0;
    const reader = new HttpResponseReader({ toHead: request.toHead });
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#fail(this.#connected ? "timeout" : "connect-timeout");
      }, Math.max(0, deadline - performance.now()));
      this.#exchange = {
        reader,
        finish: (status, error) => {
          const endedAt = performance.now();
          clearTimeout(timer);
          this.#exchange = undefined;
          if (error !== null || !reader.keepAlive) this.#closed = true;
          const retryAfter = Number(reader.headers.get("retry-after") ?? NaN);
          resolve({
            endedAt,
            status,
            error,
            instance: reader.headers.get("x-instance-id") ?? null,
            retryAfterS: Number.isFinite(retryAfter) ? retryAfter : null,
            reused,
            retries: 0,
          });
        },
      };
      this.#socket.write(request.bytes);
    });
  }

  #onData(bytes: Uint8Array): void {
    const exchange = this.#exchange;
    // Bytes that nobody asked for: the connection is out of step.
    if (!exchange) return this.close();
    try {
      exchange.reader.push(bytes);
    } catch {
      return this.#fail("protocol");
    }
    if (exchange.reader.done) exchange.finish(exchange.reader.status, null);
  }

  #onEnd(): void {
    const exchange = this.#exchange;
    if (exchange?.reader.end()) exchange.finish(exchange.reader.status, null);
    else this.#fail("closed");
  }

  #fail(failure: Failure): void {
    this.#closed = true;
    const exchange = this.#exchange;
    if (!exchange) return;
    const cutShort = exchange.reader.started && (failure === "closed" || failure === "reset");
    exchange.finish(cutShort ? exchange.reader.status : 0, cutShort ? "truncated" : failure);
  }
}

function failureOf(error: Error & { code?: string }): Failure {
  switch (error.code) {
    case "ECONNREFUSED":
      return "refused";
    case "ECONNRESET":
    case "EPIPE":
      return "reset";
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
      return "connect-timeout";
    default:
      return "other";
  }
}
