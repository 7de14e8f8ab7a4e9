/**
 * Small servers that stand behind a front in tests and tell what reached them.
 *
 * @module
 */

/** What a {@linkcode Backends} server saw of one request. */
export interface Seen {
  /** Which server, from 1. */
  backend: number;
  method: string;
  /** Path and query as they arrived. */
  target: string;
  headers: Record<string, string>;
  /** Length of the body. */
  bytes: number;
}

/** Servers that answer every request with what they saw of it. */
export interface Backends extends AsyncDisposable {
  /** For a front's `upstreams`. */
  readonly upstreams: { id: string; address: string }[];
  /** Every request that arrived but for `GET /readyz`, in order. */
  readonly seen: Seen[];
}

/** Answers instead of the usual echo; `undefined` leaves it to the echo. */
export type Answer = (
  seen: Seen,
  request: Request,
) => Response | undefined | Promise<Response | undefined>;

/** Starts `count` servers on free ports of this machine. */
export function startBackends(count: number, answer: Answer = () => undefined): Backends {
  const seen: Seen[] = [];
  const servers = Array.from(
    { length: count },
    (_, index) =>
      Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
        const { pathname, search } = new URL(request.url);
        if (pathname === "/readyz") return new Response("ready");
        const body = await request.arrayBuffer().catch(() => undefined);
        if (!body) return new Response(null, { status: 400 }); // the front broke it off
        const entry = {
          backend: index + 1,
          method: request.method,
          target: pathname + search,
          headers: Object.fromEntries(request.headers),
          bytes: body.byteLength,
        };
        seen.push(entry);
        return await answer(entry, request) ?? Response.json(entry);
      }),
  );
  return {
    upstreams: servers.map(({ addr }, index) => ({
      id: `gateway-${index + 1}`,
      address: `127.0.0.1:${addr.port}`,
    })),
    seen,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map((server) => server.shutdown()));
    },
  };
}
