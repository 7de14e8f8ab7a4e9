// deno-lint-ignore-file no-await-in-loop -- requests one after the other are the point
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { startBackends } from "../testing/backends.ts";
import { freePort, startTestFront } from "../testing/front.ts";
import { rawRequest, sendRaw } from "../testing/raw_http.ts";
import { requires } from "../testing/requires.ts";

/**
 * A replica that reads a request and hangs up without an answer, as one that is killed does.
 * Counts what it read; `GET /readyz` it answers.
 */
function startQuitter() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const read: string[] = [];
  const serve = async (connection: Deno.Conn) => {
    const buffer = new Uint8Array(65_536);
    const count = await connection.read(buffer) ?? 0;
    const text = new TextDecoder().decode(buffer.subarray(0, count));
    const isProbe = text.startsWith("GET /readyz");
    if (isProbe) {
      const answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      await connection.write(new TextEncoder().encode(answer));
    } else if (count > 0) {
      read.push(text.slice(0, text.indexOf(" HTTP")));
    }
    connection.close();
  };
  const accepting = (async () => {
    for await (const connection of listener) serve(connection).catch(() => {}); // the front hung up first
  })();
  return {
    address: `127.0.0.1:${listener.addr.port}`,
    read,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await accepting;
    },
  };
}

for (const kind of ["nginx", "caddy"] as const) {
  Deno.test({
    name: `${kind} sends a request elsewhere when a replica refuses connections`,
    ...requires(kind),
    fn: async () => {
      await using backends = startBackends(1);
      const dead = { id: "gateway-9", address: `127.0.0.1:${freePort()}` };
      const upstreams = [dead, ...backends.upstreams];
      await using front = await startTestFront({ kind, policy: "round-robin", upstreams });
      for (const method of ["GET", "POST", "GET", "POST"]) { // nothing was sent: POST as well
        const response = await fetch(`${front.url}/api/x`, { method });
        await response.body?.cancel();
        strictEqual(response.status, 200);
      }
    },
  });

  Deno.test({
    name: `${kind} tries a GET elsewhere and a POST never when a replica hangs up`,
    ...requires(kind),
    fn: async () => {
      await using backends = startBackends(1);
      await using quitter = startQuitter();
      const upstreams = [{ id: "gateway-9", address: quitter.address }, ...backends.upstreams];
      await using front = await startTestFront({ kind, policy: "round-robin", upstreams });
      const statuses: Record<string, number[]> = { GET: [], POST: [] };
      for (let i = 0; i < 8; i++) {
        const method = i < 4 ? "GET" : "POST";
        if (i === 4) await new Promise((resolve) => setTimeout(resolve, 2_100)); // its ejection ends (in whole seconds)
        const response = await fetch(`${front.url}/api/${i}`, { method });
        statuses[method]?.push(response.status);
        if (response.status === 502) {
          strictEqual(response.headers.get("content-type"), "application/problem+json");
          strictEqual((await response.json()).type, "/problems/bad-gateway");
        } else await response.body?.cancel();
      }
      deepStrictEqual(statuses["GET"], [200, 200, 200, 200]);
      const posts = statuses["POST"] ?? [];
      const asked = quitter.read.filter((line) => line.startsWith("POST"));
      strictEqual(posts.filter((status) => status === 502).length, asked.length);
      strictEqual(asked.length, kind === "nginx" ? 1 : 2); // nginx then leaves it out for a second
      ok(!backends.seen.some(({ target }) => asked.includes(`POST ${target}`)));
    },
  });

  Deno.test({
    name: `${kind} passes on a 503 of a replica as it is and leaves no replica out`,
    ...requires(kind),
    fn: async () => {
      await using backends = startBackends(
        2,
        ({ target }) =>
          target === "/api/shed"
            ? new Response("mine", { status: 503, headers: { "retry-after": "1" } })
            : undefined,
      );
      const { upstreams } = backends;
      await using front = await startTestFront({ kind, policy: "round-robin", upstreams });
      for (let i = 0; i < 6; i++) {
        const response = await fetch(`${front.url}/api/shed`);
        strictEqual(response.status, 503);
        strictEqual(response.headers.get("retry-after"), "1");
        strictEqual(await response.text(), "mine");
      }
      strictEqual(backends.seen.length, 6);
      const response = await fetch(`${front.url}/api/x`);
      strictEqual(response.status, 200);
      await response.body?.cancel();
    },
  });

  Deno.test({
    name: `${kind} says that a replica is too slow, or that none is there`,
    ...requires(kind),
    fn: async () => {
      const never = Promise.withResolvers<undefined>();
      await using backends = startBackends(1, () => never.promise);
      const rest = { kind, policy: "round-robin", retryWindowMs: 400 } as const;
      await using slow = await startTestFront({
        ...rest,
        upstreams: backends.upstreams,
        responseTimeoutMs: 500,
      });
      await using empty = await startTestFront({
        ...rest,
        upstreams: [{ id: "gateway-9", address: `127.0.0.1:${freePort()}` }],
      });
      const late = await sendRaw(slow.port, rawRequest("POST", "/api/x"));
      never.resolve(undefined);
      deepStrictEqual([late.status, problemOf(late.body)], [504, "/problems/gateway-timeout"]);
      const none = await sendRaw(empty.port, rawRequest("GET", "/api/x"));
      ok([502, 503].includes(none.status), none.text);
      strictEqual(none.headers["content-type"], "application/problem+json");
    },
  });
}

function problemOf(body: string): string {
  return JSON.parse(body).type;
}
