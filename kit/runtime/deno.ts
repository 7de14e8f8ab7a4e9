/**
 * The server on Deno.
 *
 * @module
 */
import { BACKLOG, type HttpServer, type Peer, type ServeOptions } from "./server.ts";

class DenoPeer implements Peer {
  readonly #info: Deno.ServeHandlerInfo<Deno.NetAddr>;

  constructor(info: Deno.ServeHandlerInfo<Deno.NetAddr>) {
    this.#info = info;
  }

  get remoteAddress(): string {
    return this.#info.remoteAddr.hostname;
  }
}

/**
 * Serves with `Deno.serve`. `reusePort` needs `"unstable": ["net"]` (or `--unstable-net`).
 *
 * @throws {Deno.errors.AddrInUse} when the port is taken
 */
export function serve(options: ServeOptions): Promise<HttpServer> {
  const { host, port, fetch, reusePort = false } = options;
  return new Promise((resolve) => {
    const server = Deno.serve({
      hostname: host,
      port,
      tcpBacklog: BACKLOG,
      ...(reusePort ? { reusePort } : {}),
      onListen: ({ port }) => resolve({ port, shutdown: () => server.shutdown() }),
    }, (request, info) => fetch(request, new DenoPeer(info)));
  });
}
