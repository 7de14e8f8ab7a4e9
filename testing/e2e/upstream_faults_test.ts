/**
 * A real gateway process before services that the test plays itself: what reaches them, and how often.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startProbe } from "../../lab/load/prober.ts";
import { isGood } from "../../lab/load/sample.ts";
import { type InstanceProcess, startInstanceProcess } from "../instance_process.ts";
import { pause } from "../pause.ts";
import { requires } from "../requires.ts";

type Runtime = "deno" | "node";
type Handler = (request: Request) => Response | Promise<Response>;

/** A service on a free port that counts what it is asked. */
function service(handler: Handler) {
  const stop = new AbortController();
  const seen: { authorization: string | null }[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen() {} },
    (request) => {
      seen.push({ authorization: request.headers.get("authorization") });
      return handler(request);
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    seen,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await server.finished;
    },
  };
}

function gateway(runtime: Runtime, env: Record<string, string>): InstanceProcess {
  return startInstanceProcess({
    runtime,
    main: "gateway/main.ts",
    env: { STORE: "memory", ...env },
  });
}

/** A port that nobody listens on. */
function closedPort(): string {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return `http://127.0.0.1:${port}`;
}

const json = { "content-type": "application/json" };
const user = (request: Request) => Response.json({ id: new URL(request.url).pathname.slice(7) });

async function status(url: string, init?: RequestInit): Promise<number> {
  const answer = await fetch(url, init);
  await answer.body?.cancel();
  return answer.status;
}

/** GET after GET of different users at `ratePerSecond`, open loop; `halfway` is called in the middle. */
async function ask(
  url: string,
  ratePerSecond: number,
  durationSeconds: number,
  halfway?: () => void,
) {
  const targets = Array.from({ length: 200 }, (_, i) => ({ url: `${url}/api/users/usr_${i}` }));
  const { result } = await startProbe({ targets, ratePerSecond, durationSeconds });
  await pause(500 * durationSeconds);
  halfway?.();
  return (await result).samples;
}

for (const runtime of ["deno", "node"] as const) {
  const tools = runtime === "node" ? ["node" as const] : [];

  Deno.test({
    name:
      `32 clients who ask for the same at once cause one call on ${runtime}; strangers one each`,
    ...requires(...tools),
    fn: async () => {
      await using users = service(async (request) => {
        await new Promise((resolve) => setTimeout(resolve, 300));
        return user(request);
      });
      await using instance = gateway(runtime, { USERS_URL: users.url });
      const url = `${await instance.url()}/api/users/usr_1`;
      const answers = await Promise.all(Array.from({ length: 32 }, () => fetch(url)));
      const bodies = await Promise.all(answers.map((answer) => answer.text()));
      assert.deepEqual(new Set(bodies), new Set([`{"id":"usr_1"}`]));
      const ids = new Set(answers.map(({ headers }) => headers.get("x-request-id")));
      assert.equal(ids.size, 32, "each has an id of its own");
      assert.equal(users.seen.length, 1);
      const strangers = Array.from(
        { length: 32 },
        (_, i) => status(url, { headers: { authorization: `Bearer ${i}` } }),
      );
      assert.deepEqual(new Set(await Promise.all(strangers)), new Set([200]));
      assert.equal(users.seen.length, 33);
      assert.ok(users.seen.every(({ authorization }) => authorization === null));
    },
  });

  Deno.test({
    name: `clients who ask for one dashboard at once share the calls for its parts on ${runtime}`,
    ...requires(...tools),
    fn: async () => {
      const slow = (body: unknown) => async () => {
        await pause(300);
        return Response.json(body);
      };
      await using users = service(slow({ id: "usr_1" }));
      await using lists = service(slow({ items: [], nextCursor: null }));
      await using instance = gateway(runtime, {
        USERS_URL: users.url,
        ORDERS_URL: lists.url,
        PAYMENTS_URL: lists.url,
      });
      const url = `${await instance.url()}/api/dashboard?user=usr_1`;
      const answers = await Promise.all(Array.from({ length: 8 }, () => fetch(url)));
      const dashboards = await Promise.all(answers.map((answer) => answer.json()));
      for (const { user, errors } of dashboards) {
        assert.deepEqual([user?.id, errors], ["usr_1", {}]);
      }
      assert.deepEqual([users.seen.length, lists.seen.length], [1, 2]);
    },
  });

  Deno.test({
    name:
      `a payment is sent once on ${runtime}, though its kept-alive connection dies before the answer`,
    ...requires(...tools),
    fn: async () => {
      let posts = 0;
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const serving = (async () => {
        for await (const connection of listener) answerOnceThenDie(connection, () => posts++);
      })();
      await using instance = gateway(runtime, {
        PAYMENTS_URL: `http://127.0.0.1:${listener.addr.port}`,
        LAYERS_OFF: "breaker",
      });
      const url = `${await instance.url()}/api/payments`;
      // The first is answered and leaves its connection in the pool; the second dies on it.
      const pay = () => status(url, { method: "POST", headers: json, body: `{"orderId":"o"}` });
      assert.equal(await pay(), 201);
      assert.equal(await pay(), 502);
      assert.equal(posts, 2);
      listener.close();
      await serving;
    },
  });

  Deno.test({
    name:
      `a service that refuses connections on ${runtime}: 502, then 503 at once; the others serve`,
    ...requires(...tools),
    fn: async () => {
      await using users = service(user);
      await using instance = gateway(runtime, {
        USERS_URL: users.url,
        PAYMENTS_URL: closedPort(),
      });
      const url = await instance.url();
      const answers: number[] = [];
      // deno-lint-ignore no-await-in-loop -- one after the other is the point
      for (let i = 0; i < 40; i++) answers.push(await status(`${url}/api/payments/pay_${i}`));
      const firstRefused = answers.indexOf(503);
      assert.ok(firstRefused > 0 && firstRefused <= 20, `refused from call ${firstRefused} on`);
      assert.deepEqual(new Set(answers.slice(0, firstRefused)), new Set([502]));
      assert.deepEqual(new Set(answers.slice(firstRefused)), new Set([503]));
      const refusal = await fetch(`${url}/api/payments/pay_1`);
      const seconds = Number(refusal.headers.get("retry-after"));
      assert.ok(seconds >= 1 && seconds <= 5, `retry after ${seconds} s`);
      assert.equal((await refusal.json()).type, "/problems/unavailable");
      assert.equal(await status(`${url}/api/users/usr_1`), 200);
      const dashboard = await (await fetch(`${url}/api/dashboard?user=usr_1`)).json();
      assert.equal(dashboard.errors.payments.status, 503);
    },
  });
}

Deno.test({
  name: "a retry storm stays within 1.2 attempts a request and 3 more",
  ...requires(),
  fn: async () => {
    await using users = service(() => new Response("broken", { status: 500 }));
    // Without the breaker, which would end the storm by itself.
    await using instance = gateway("deno", { USERS_URL: users.url, LAYERS_OFF: "breaker" });
    const samples = await ask(await instance.url(), 200, 2);
    assert.deepEqual(new Set(samples.map(({ status }) => status)), new Set([500]));
    assert.equal(samples.length, 400);
    const most = 1.2 * samples.length + 3;
    assert.ok(users.seen.length > 400, "there were retries");
    assert.ok(users.seen.length <= most, `${users.seen.length} attempts for 400 requests`);
  },
});

for (
  const [what, behaviour] of [
    ["hangs", () => new Promise<Response>(() => {})],
    ["answers 500", () => new Response("broken", { status: 500 })],
  ] as const
) {
  Deno.test({
    name: `one of two users endpoints ${what}: at most 1 % of GETs see it after the first second`,
    ...requires(),
    fn: async () => {
      let well = true;
      await using good = service(user);
      const over = Promise.withResolvers<Response>();
      await using bad = service((request) =>
        well ? user(request) : Promise.race([behaviour(), over.promise])
      );
      await using instance = gateway("deno", { USERS_URL: `${good.url},${bad.url}` });
      const url = await instance.url();
      // It begins to fail under way: the first requests of a prober come late and all at once.
      const first = await ask(url, 200, 2, () => {
        assert.ok(bad.seen.length > 30, "both are asked while both are well");
        well = false;
      });
      const unlucky = first.filter((sample) => !isGood(sample));
      assert.deepEqual(unlucky, [], "nobody fails even in the first second");
      const reachedBefore = bad.seen.length;
      const later = [...await ask(url, 200, 2), ...await ask(url, 200, 2)];
      const failed = later.filter((sample) => !isGood(sample)).length;
      // What reached it did see it, though it succeeded elsewhere; what did not was slow for other reasons.
      const reached = bad.seen.length - reachedBefore;
      assert.ok(failed + reached <= 0.01 * later.length, `${failed} failed, ${reached} reached it`);
      over.resolve(new Response(null, { status: 500 }));
    },
  });
}

/** Answers the first request of a connection, and breaks it off at the second. */
async function answerOnceThenDie(connection: Deno.Conn, onPost: () => void): Promise<void> {
  const buffer = new Uint8Array(65_536);
  let text = "";
  let answered = false;
  try {
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- a connection is read piece by piece
      const count = await connection.read(buffer);
      if (count === null) return;
      text += new TextDecoder().decode(buffer.subarray(0, count));
      if (!text.includes("0\r\n\r\n")) continue; // the end of a chunked body
      onPost();
      if (answered) return;
      answered = true;
      text = "";
      const answer = "HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}";
      // deno-lint-ignore no-await-in-loop -- one answer
      await connection.write(new TextEncoder().encode(answer));
    }
  } finally {
    connection.close();
  }
}
