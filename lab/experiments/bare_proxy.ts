/**
 * The least that a gateway on Deno can be: every request is fetched from one upstream, nothing else. What `hop` holds our
 * gateway against. Run as a process of its own with the upstream's base URL as argument; prints its port.
 *
 * @module
 */

const [upstream = ""] = Deno.args;

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  // deno-lint-ignore no-console -- the way in which the parent learns the port
  onListen: ({ port }) => console.log(port),
}, (request) => {
  const { pathname, search } = new URL(request.url);
  return fetch(upstream + pathname.replace(/^\/api/, "") + search, {
    method: request.method,
    headers: { "accept-encoding": "identity" },
    redirect: "manual",
  });
});
