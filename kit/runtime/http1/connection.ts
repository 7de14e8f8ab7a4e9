/**
 * A TCP connection to a replica, on Deno: one request at a time, kept for the next.
 *
 * @module
 */
import { Exchange } from "./exchange.ts";

/** Where an origin is. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** A request on a {@linkcode Connection}. */
export interface ConnectionRequest {
  method: string;
  /** Request line and fields, with the empty line after them. */
  head: Uint8Array;
  /** An answer that says to have at most so many bytes is read whole; others are streamed. */
  maxWholeBytes: number;
  signal?: AbortSignal | undefined;
  /** The signal does not count for the body of an answer that is streamed. */
  streamed: boolean;
}

/** Options of {@linkcode connect}. */
export interface ConnectOptions {
  signal?: AbortSignal | undefined;
  /** The connection may be used for the next request. */
  onFree(connection: Connection): void;
  /** It is closed. */
  onClose(connection: Connection): void;
}

const BUFFER_BYTES = 65_536;

/**
 * Connects.
 *
 * @throws what the system says, or the reason of the signal
 */
export async function connect(address: Address, options: ConnectOptions): Promise<Connection> {
  const { signal } = options;
  const socket = await Deno.connect({ ...address, ...(signal ? { signal } : {}) });
  return new Connection(socket, options);
}

/** A connection that is open until it says otherwise. */
export class Connection {
  readonly #socket: Deno.TcpConn;
  readonly #options: ConnectOptions;
  #exchange: Exchange | undefined;
  #closed = false;
  /** When it became free, for the pool. */
  freeSinceMs = 0;

  constructor(socket: Deno.TcpConn, options: ConnectOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.setKeepAlive(); // notices a machine that went away without a word
    void this.#read();
  }

  /** Sends a request and resolves with its answer. The one before it must have ended. */
  send(request: ConnectionRequest): Promise<Response> {
    const { method, head, maxWholeBytes, signal, streamed } = request;
    if (signal?.aborted) this.#close(signal.reason);
    if (this.#closed) return Promise.reject(signal?.aborted ? signal.reason : closedError());
    return new Promise((resolve, reject) => {
      const abort = signal && (() => this.#close(signal.reason));
      const release = abort && (() => signal.removeEventListener("abort", abort));
      if (abort) signal.addEventListener("abort", abort);
      this.#exchange = new Exchange({
        method,
        maxWholeBytes,
        resolve,
        reject,
        cancel: () => this.#close(),
        onEnd: release,
        ...(streamed ? { onAnswer: release } : {}),
      });
      void this.#write(head);
    });
  }

  /** Closes it. What is under way fails. */
  close(): void {
    this.#close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      let rest = bytes;
      // deno-lint-ignore no-await-in-loop -- one part after the other
      while (rest.length > 0) rest = rest.subarray(await this.#socket.write(rest));
    } catch (error) {
      this.#close(error);
    }
  }

  /** Reads all the time, so that a server that closes is noticed before the next request is sent to it. */
  async #read(): Promise<void> {
    const buffer = new Uint8Array(BUFFER_BYTES);
    let failure: unknown;
    try {
      while (!this.#closed) {
        // deno-lint-ignore no-await-in-loop -- one piece after the other
        const count = await this.#socket.read(buffer);
        const exchange = this.#exchange;
        if (exchange === undefined) break; // the server closed, or says what nobody asked for
        if (count === null) {
          exchange.end();
          break;
        }
        const used = exchange.push(buffer.subarray(0, count));
        if (exchange.done) {
          this.#exchange = undefined;
          if (used < count || !exchange.keepAlive) break;
          this.#options.onFree(this);
        } else {
          // deno-lint-ignore no-await-in-loop -- backpressure
          await exchange.room();
        }
      }
    } catch (error) {
      failure = error;
    }
    this.#close(failure);
  }

  #close(error?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
    this.#options.onClose(this);
    this.#exchange?.fail(error ?? closedError());
  }
}

function closedError(): Error {
  return new Error("The connection was closed");
}
