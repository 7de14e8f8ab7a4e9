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
    }, (request, info) => {
      const answer = fetch(request, new DenoPeer(info));
      return request.method === "HEAD" ? withoutLength(answer) : answer;
    });
  });
}

/**
 * The answer to a HEAD has no body (Hono drops it), for which Deno would say `content-length: 0`: a lie, if
 * GET has one. A stream has no length to tell (RFC 9110, section 8.6: GET's length or none).
 */
async function withoutLength(answer: Response | Promise<Response>): Promise<Response> {
  const response = await answer;
  if (response.body || response.headers.has("content-length")) return response;
  return new Response(new Blob().stream(), response);
}
