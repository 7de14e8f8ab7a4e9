/**
 * A server with known delays, to check load generators against. Run as a process of its own:
 * `deno run --allow-net lab/load/delay_server_fixture.ts`; prints its port.
 *
 * `/` answers after 40 ms, every 50th request after 200 ms: p50 = 40 ms, p99 = 200 ms. `/now` answers at once.
 * `/stall?ms=500` blocks the whole server.
 *
 * @module
 */

let requests = 0;

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

async function answer(request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/stall") block(Number(searchParams.get("ms")));
  if (pathname === "/") {
    const delay = requests++ % 50 === 0 ? 200 : 40;
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
  return new Response("ok", { headers: { "x-instance-id": "delay-1" } });
}

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  // deno-lint-ignore no-console -- the way in which the parent learns the port
  onListen: ({ port }) => console.log(port),
}, answer);
