/**
 * Two replicas of the gateway on one real Redis, and what becomes of them when it goes away.
 */
// deno-lint-ignore-file no-await-in-loop -- one request after the other is the point
import assert from "node:assert/strict";
import type { RedisClient } from "../kit/redis.ts";
import { RedisCounter } from "../kit/store/counter.ts";
import { RedisRateLimiter } from "../kit/store/rate_limiter.ts";
import { RedisSessionStore } from "../kit/store/session_store.ts";
import { createTestGateway, type TestGateway } from "../testing/gateway.ts";
import { startTestRedis, type TestRedis } from "../testing/redis.ts";
import { requires } from "../testing/requires.ts";
import { LIMITED } from "./limited.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };
const credentials = { user: "usr_1", password: "correct horse" };
const users = () => Response.json({ id: "usr_1" });
const DEADLINE_MS = 500;

interface Replicas extends AsyncDisposable {
  here: TestGateway;
  there: TestGateway;
  server: TestRedis;
}

/** Each replica has its own connection, as its own process would. */
async function startReplicas(): Promise<Replicas> {
  const { createRedis } = await import("../kit/redis.ts");
  const server = await startTestRedis();
  const connections: RedisClient[] = [];
  async function createReplica(): Promise<TestGateway> {
    const redis = createRedis({ url: server.url, log, deadlineMs: DEADLINE_MS });
    connections.push(redis);
    await redis.whenReady(5_000);
    return createTestGateway(users, {
      env: { DEMO_PASSWORD: credentials.password },
      jwtSecret: "0123456789abcdef0123456789abcdef",
      counter: new RedisCounter(redis),
      sessionStore: new RedisSessionStore(redis),
      limiter: new RedisRateLimiter({ ...LIMITED, redis, name: "limited" }),
    });
  }
  return {
    here: await createReplica(),
    there: await createReplica(),
    server,
    async [Symbol.asyncDispose]() {
      await Promise.all(connections.map((redis) => redis.close()));
      await server[Symbol.asyncDispose]();
    },
  };
}

function get({ app }: TestGateway, path: string, cookie = ""): Promise<Response> {
  return Promise.resolve(app.request(path, { headers: { cookie } }));
}

function post({ app }: TestGateway, path: string, cookie = ""): Promise<Response> {
  return Promise.resolve(app.request(path, {
    method: "POST",
    headers: { "content-type": "application/json", cookie },
    body: JSON.stringify(credentials),
  }));
}

async function login(gateway: TestGateway): Promise<string> {
  const answer = await post(gateway, "/api/login");
  assert.equal(answer.status, 200);
  return answer.headers.get("set-cookie")?.split(";")[0] ?? "";
}

Deno.test({
  name: "replicas share sessions, the count and the limit through Redis",
  ...requires("redis-server"),
  async fn() {
    await using replicas = await startReplicas();
    const { here, there } = replicas;
    const cookie = await login(here);
    assert.equal((await get(there, "/api/session", cookie)).status, 200);
    const second = await login(there);
    assert.equal((await post(there, "/api/logout?all=true", second)).status, 204);
    assert.equal((await get(here, "/api/session", cookie)).status, 401);

    const counts = [];
    for (const gateway of [here, there, here, there]) {
      counts.push((await (await get(gateway, "/api/count/shared")).json()).count);
    }
    assert.deepEqual(counts, [1, 2, 3, 4]);

    const statuses = [];
    for (const gateway of [here, there, here, there]) {
      statuses.push((await get(gateway, "/api/limited")).status);
    }
    assert.deepEqual(statuses, [200, 200, 429, 429]);
  },
});

/** What needs Redis and what does not, each as `[what, ask]`. */
function routes(
  cookie: string,
): Record<"needs" | "spares", ((g: TestGateway) => Promise<Response>)[]> {
  return {
    needs: [
      (gateway) => get(gateway, "/api/session", cookie),
      (gateway) => get(gateway, "/api/limited"),
      (gateway) => get(gateway, "/api/count/shared"),
      (gateway) => post(gateway, "/api/login"),
      // Another session: a server that was only stopped reads what was sent to it meanwhile.
      (gateway) => post(gateway, "/api/logout", `session=${"A".repeat(43)}`),
    ],
    spares: [
      (gateway) => get(gateway, "/api/count"),
      (gateway) => get(gateway, "/api/users/usr_1"),
      (gateway) => post(gateway, "/api/token"),
      (gateway) => get(gateway, "/readyz"),
    ],
  };
}

async function checkAway(gateway: TestGateway, cookie: string): Promise<void> {
  const { needs, spares } = routes(cookie);
  for (const ask of spares) assert.equal((await ask(gateway)).status, 200);
  const asked = Array.from({ length: 40 }, () => needs.map((ask) => ask(gateway))).flat();
  for (const answer of await Promise.all(asked)) {
    assert.equal(answer.status, 503);
    assert.equal(answer.headers.get("retry-after"), "1");
    assert.equal((await answer.json()).type, "/problems/store-unavailable");
  }
  assert.equal(gateway.context.lifecycle.inFlight, 0, "nothing piles up");
}

/** Asks until it is answered with 200; how long that took. */
async function recoveryMs(gateway: TestGateway, cookie: string): Promise<number> {
  const startMs = performance.now();
  while ((await get(gateway, "/api/session", cookie)).status !== 200) {
    if (performance.now() - startMs > 10_000) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return performance.now() - startMs;
}

for (const how of ["killed", "stopped in its tracks"] as const) {
  Deno.test({
    name: `what needs Redis answers 503 while it is ${how}, and 200 within 2 s of its return`,
    ...requires("redis-server"),
    async fn() {
      await using replicas = await startReplicas();
      const { here, there, server } = replicas;
      const cookie = await login(here);
      await server.kill(how === "killed" ? "SIGKILL" : "SIGSTOP");
      for (const gateway of [here, there]) await checkAway(gateway, cookie);
      if (how === "killed") await server.restart();
      else await server.kill("SIGCONT");
      for (const gateway of [here, there]) {
        const tookMs = await recoveryMs(gateway, cookie);
        assert.ok(tookMs < 2_000, `recovered after ${tookMs} ms`);
      }
    },
  });
}
