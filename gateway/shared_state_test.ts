/**
 * Two replicas of the gateway on one real Redis, and what becomes of them when it goes away.
 */
// deno-lint-ignore-file no-await-in-loop -- one request after the other is the point
import assert from "node:assert/strict";
import { systemClock } from "../kit/clock.ts";
import type { RedisClient } from "../kit/redis.ts";
import { RedisCounter } from "../kit/store/counter.ts";
import { RedisRateLimiter } from "../kit/store/rate_limiter.ts";
import { RedisSessionStore } from "../kit/store/session_store.ts";
import { createUpstream } from "../kit/upstream.ts";
import { createHttpClient } from "../kit/runtime/http_client.ts";
import { createOrdersApp } from "../services/orders/app.ts";
import { orderKind } from "../services/orders/store.ts";
import { createTestGateway, type TestGateway } from "../testing/gateway.ts";
import { createTestContext } from "../testing/instance_context.ts";
import { startTestRedis, type TestRedis } from "../testing/redis.ts";
import { requires } from "../testing/requires.ts";
import { gatewayConfigSchema } from "./config.ts";
import type { UpstreamName } from "./gateway.ts";
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

Deno.test({
  name:
    "sharedSecret() is one secret for all replicas, whoever asks first, and outlives Redis's absence",
  ...requires("redis-server"),
  async fn() {
    const { createRedis } = await import("../kit/redis.ts");
    const { sharedSecret } = await import("./shared_secret.ts");
    await using server = await startTestRedis();
    const redis = createRedis({ url: server.url, log, deadlineMs: DEADLINE_MS });
    try {
      await redis.whenReady(5_000);
      const [here, there] = [sharedSecret(redis, "jwt"), sharedSecret(redis, "jwt")];
      const [one, other] = await Promise.all([here(), there()]);
      assert.match(one, /^[0-9a-f]{64}$/);
      assert.equal(one, other);
      assert.notEqual(await sharedSecret(redis, "other")(), one);
      await server.kill("SIGKILL");
      assert.equal(await here(), one);
      await assert.rejects(sharedSecret(redis, "jwt")(), { type: "store-unavailable" });
    } finally {
      await redis.close();
    }
  },
});

Deno.test({
  name: "what is written at one replica is not read from the memory of another",
  ...requires("redis-server"),
  async fn() {
    const { createRedis } = await import("../kit/redis.ts");
    const { RedisStore } = await import("../kit/store/redis_store.ts");
    await using server = await startTestRedis();
    const redis = createRedis({ url: server.url, log });
    await redis.whenReady(5_000);
    const context = createTestContext("orders");
    const orders = createOrdersApp({ context, store: new RedisStore(redis, orderKind) });
    let asked = 0;
    await using service = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        if (request.method === "GET") asked++;
        return orders.fetch(request);
      },
    );
    const origins = [`http://127.0.0.1:${service.addr.port}`];
    using client = createHttpClient();
    const closers: (() => void | Promise<void>)[] = [() => redis.close()];
    const { cacheUpstreams } = await import("./shared_state.ts"); // it loads ioredis
    function createReplica(): TestGateway {
      const endpoints = { current: () => origins, [Symbol.dispose]() {} };
      const clock = systemClock;
      const create = (name: UpstreamName) =>
        createUpstream({ name, endpoints, send: client.send, clock });
      const config = gatewayConfigSchema.parse({ CACHE_TTL_MS: "3600000", REDIS_URL: server.url });
      const upstreams = {
        users: create("users"),
        orders: create("orders"),
        payments: create("payments"),
      };
      const cached = cacheUpstreams(upstreams, { clock, log }, config, closers);
      return createTestGateway(users, { clock, config, upstreams: cached });
    }
    const [here, there] = [createReplica(), createReplica()];
    const list = async (gateway: TestGateway) =>
      (await (await get(gateway, "/api/orders")).json()).items.length;
    const order = { userId: "usr_1", items: [{ sku: "a", quantity: 1, unitPriceCents: 1 }] };
    async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
      for (let i = 0; i < 500 && !await condition(); i++) await systemClock.sleep(10);
      assert.ok(await condition());
    }
    try {
      await until(async () => {
        const before = asked;
        for (const gateway of [here, there]) assert.equal(await list(gateway), 0);
        return asked === before;
      });
      const answer = await there.app.request("/api/orders", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(order),
      });
      assert.equal(answer.status, 201);
      await until(async () => await list(here) === 1 && await list(there) === 1);
    } finally {
      await Promise.all(closers.map((close) => close()));
    }
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
