/**
 * The server on Node, through @hono/node-server.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { BACKLOG, type HttpServer, type Peer, type ServeOptions } from "./server.ts";

/** Above what a front lets through (16 KiB) with what it adds; Node's own limit is 16 KiB. */
const MAX_HEADER_BYTES = 32_768;

/** Above the time for which a front keeps its idle connections (60 s), or it meets resets. */
const KEEP_ALIVE_MS = 90_000;

class NodePeer implements Peer {
  readonly #incoming: IncomingMessage;

  constructor(incoming: IncomingMessage) {
    this.#incoming = incoming;
  }

  get remoteAddress(): string {
    return this.#incoming.socket.remoteAddress ?? "";
  }
}

/** Serves with `node:http`; rejects when the port is taken. */
export function serve(options: ServeOptions): Promise<HttpServer> {
  const { host, port, fetch, reusePort = false } = options;
  const server = createAdaptorServer({
    serverOptions: { maxHeaderSize: MAX_HEADER_BYTES },
    fetch: (request, env) => fetch(request, new NodePeer((env as HttpBindings).incoming)),
  }) as Server;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, reusePort, backlog: BACKLOG }, () => {
      server.off("error", reject);
      resolve({
        port: (server.address() as AddressInfo).port,
        shutdown: () =>
          new Promise((resolve, reject) => {
            server.close((error) => error ? reject(error) : resolve());
          }),
      });
    });
  });
}
