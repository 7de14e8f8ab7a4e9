/**
 * What a runtime must give: an HTTP server that serves a `fetch` function and can be drained.
 *
 * @module
 */

/**
 * Connections that wait to be accepted. With the usual 511 a replica whose event loop is blocked for 3 s
 * under 200 requests/s refuses new ones, and a front without another replica answers 504.
 */
export const BACKLOG = 4_096;

/** What the handler may know of the connection a request came on. */
export interface Peer {
  /** Address of the other end of the socket: the front, or a client that came directly. */
  readonly remoteAddress: string;
}

/** A handler in web terms. */
export type Fetch = (request: Request, peer: Peer) => Response | Promise<Response>;

/** Options of {@linkcode Serve}. */
export interface ServeOptions {
  host: string;
  /** 0 picks a free port. */
  port: number;
  fetch: Fetch;
  /** Lets several event loops listen on the same port (`SO_REUSEPORT`). @default false */
  reusePort?: boolean;
}

/** A server that listens. */
export interface HttpServer {
  readonly port: number;
  /** Refuses new connections, closes idle ones, and resolves when the last response is sent. */
  shutdown(): Promise<void>;
}

/** Starts a server; rejects when the address cannot be had. */
export type Serve = (options: ServeOptions) => Promise<HttpServer>;
