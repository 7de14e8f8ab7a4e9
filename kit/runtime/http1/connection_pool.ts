/**
 * The connections to one server.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { type Address, connect, type Connection, type ConnectionRequest } from "./connection.ts";

/** Options of {@linkcode ConnectionPool}. */
export interface ConnectionPoolOptions {
  clock: Clock;
  /** Told when no connection is left. */
  onEmpty(): void;
}

/** Shorter than servers keep theirs (Deno 120 s, ours on Node 90 s): who closes first need not guess. */
const MAX_IDLE_MS = 60_000;

/** Opens connections as they are needed, and keeps them for a while. */
export class ConnectionPool {
  readonly #address: Address;
  readonly #options: ConnectionPoolOptions;
  readonly #open = new Set<Connection>();
  /** Those that wait for a request. The one that was used last is used next, so the first has waited longest. */
  readonly #free: Connection[] = [];
  #connecting = 0;
  #closed = false;

  constructor(address: Address, options: ConnectionPoolOptions) {
    this.#address = address;
    this.#options = options;
  }

  /** Sends a request on a connection of its own for as long as it takes. */
  send(request: ConnectionRequest): Promise<Response> {
    this.#closeIdle();
    const kept = this.#free.pop();
    if (kept) return kept.send(request);
    return this.#connect(request.signal).then((connection) => connection.send(request));
  }

  /** Closes all. What is under way fails. */
  close(): void {
    this.#closed = true;
    for (const connection of [...this.#open]) connection.close();
  }

  async #connect(signal: AbortSignal | undefined): Promise<Connection> {
    this.#connecting++;
    try {
      const connection = await connect(this.#address, {
        signal,
        onFree: (connection) => this.#keep(connection),
        onClose: (connection) => this.#remove(connection),
      });
      this.#open.add(connection);
      if (this.#closed) connection.close();
      return connection;
    } finally {
      this.#connecting--;
      this.#tellIfEmpty();
    }
  }

  #keep(connection: Connection): void {
    connection.freeSinceMs = this.#options.clock.now();
    this.#free.push(connection);
  }

  #closeIdle(): void {
    const [longest] = this.#free;
    if (!longest || this.#options.clock.now() - longest.freeSinceMs <= MAX_IDLE_MS) return;
    longest.close();
    this.#closeIdle();
  }

  #remove(connection: Connection): void {
    this.#open.delete(connection);
    const place = this.#free.indexOf(connection);
    if (place >= 0) this.#free.splice(place, 1);
    this.#tellIfEmpty();
  }

  #tellIfEmpty(): void {
    if (this.#open.size === 0 && this.#connecting === 0) this.#options.onEmpty();
  }
}
