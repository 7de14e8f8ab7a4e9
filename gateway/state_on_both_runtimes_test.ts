/**
 * The gateway's process with its state in a real Redis, before real services, on either runtime: what
 * tests without a socket cannot see.
 */
import assert from "node:assert/strict";
import { PROJECT_ROOT } from "../stack/tools.ts";
import {
  type InstanceProcess,
  type InstanceProcessOptions,
  startInstanceProcess,
} from "../testing/instance_process.ts";
import { startTestRedis } from "../testing/redis.ts";
import { requires } from "../testing/requires.ts";

const JSON_TYPE = { "content-type": "application/json" };
const credentials = JSON.stringify({ user: "usr_000000000001", password: "correct horse" });
const order = JSON.stringify({
  userId: "usr_000000000001",
  items: [{ sku: "a", quantity: 1, unitPriceCents: 1 }],
});

interface Answer {
  status: number;
  headers: Headers;
  body: string;
}

async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  return { status: response.status, headers: response.headers, body: await response.text() };
}

async function statuses(count: number, ask: () => Promise<Answer>): Promise<number[]> {
  const found = [];
  // deno-lint-ignore no-await-in-loop -- one request after the other is the point
  for (let i = 0; i < count; i++) found.push((await ask()).status);
  return found;
}

/** Asks until the answer is as wanted; fails with the last one after 5 s. */
async function until(ask: () => Promise<Answer>, wanted: (answer: Answer) => boolean) {
  const endMs = performance.now() + 5_000;
  for (;;) {
    // deno-lint-ignore no-await-in-loop -- again until it is so
    const answer = await ask();
    if (wanted(answer)) return;
    assert.ok(performance.now() < endMs, `still ${answer.status} ${answer.body.slice(0, 200)}`);
    // deno-lint-ignore no-await-in-loop -- again until it is so
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Returns the cookie. */
async function checkSessions(here: string, there: string): Promise<string> {
  const post = (url: string, cookie = "") =>
    ask(url, { method: "POST", headers: { ...JSON_TYPE, cookie }, body: credentials });
  const login = await post(`${here}/api/login`);
  assert.equal(login.status, 200, login.body);
  const [cookie = ""] = (login.headers.get("set-cookie") ?? "").split(";");
  const session = () => ask(`${there}/api/session`, { headers: { cookie } });
  assert.equal((await session()).status, 200);
  assert.equal((await post(`${here}/api/logout?all=true`, cookie)).status, 204);
  assert.equal((await session()).status, 401);
  return cookie;
}

/** Returns the token. */
async function checkTokens(here: string, there: string): Promise<string> {
  const answer = await ask(`${here}/api/token`, {
    method: "POST",
    headers: JSON_TYPE,
    body: credentials,
  });
  const { token } = JSON.parse(answer.body);
  const authorization = `Bearer ${token}`;
  assert.equal((await ask(`${there}/api/secure`, { headers: { authorization } })).status, 200);
  assert.equal((await ask(`${there}/api/secure`)).status, 401);
  return token;
}

async function checkCache(here: string, there: string): Promise<void> {
  const isHit = ({ headers }: Answer) => headers.get("cache-status") === "gateway; hit";
  for (const url of [here, there]) {
    // deno-lint-ignore no-await-in-loop -- one replica after the other
    await until(() => ask(`${url}/api/orders?limit=1`), isHit);
  }
  const created = await ask(`${there}/api/orders`, {
    method: "POST",
    headers: JSON_TYPE,
    body: order,
  });
  assert.equal(created.status, 201);
  const { id } = JSON.parse(created.body);
  for (const url of [here, there]) {
    const list = () => ask(`${url}/api/orders?limit=1`);
    // deno-lint-ignore no-await-in-loop -- one replica after the other
    await until(list, ({ body }) => JSON.parse(body).items[0].id === id);
  }
}

async function checkGateways(runtime: InstanceProcessOptions["runtime"]): Promise<void> {
  await using redis = await startTestRedis();
  await using processes = new AsyncDisposableStack();
  const logs: InstanceProcess["lines"][] = [];
  function start(main: string, env: Record<string, string> = {}): Promise<string> {
    const process = startInstanceProcess({
      runtime,
      main,
      env: { REDIS_URL: redis.url, LOG_LEVEL: "debug", ...env },
    });
    logs.push(processes.use(process).lines);
    return process.url();
  }
  const [users, orders] = await Promise.all([
    start("services/users/main.ts"),
    start("services/orders/main.ts"),
  ]);
  const env = {
    USERS_URL: users,
    ORDERS_URL: orders,
    DEMO_PASSWORD: "correct horse",
    CACHE_TTL_MS: "3600000",
    UPSTREAM_TIMEOUT_MS: "10000",
    // Any file will do that is long enough and where instances may read: in the project.
    JWT_SECRET_FILE: `${PROJECT_ROOT}LICENSE`,
  };
  const [here, there] = await Promise.all([
    start("gateway/main.ts", env),
    start("gateway/main.ts", env),
  ]);
  const cookie = await checkSessions(here, there);
  const token = await checkTokens(here, there);
  await checkCache(here, there);
  let turn = 0;
  const limited = () => ask(`${turn++ % 2 ? here : there}/api/limited`);
  assert.deepEqual(await statuses(4, limited), [200, 200, 429, 429]);

  const log = () => JSON.stringify(logs);
  await ask(`${here}/api/session?token=in-a-query`, { headers: { cookie } });
  await until(() => ask(`${here}/api/count`), () => log().includes("/api/count"));
  for (const secret of [cookie, token, "correct horse", "in-a-query"]) {
    assert.equal(log().includes(secret.replace("session=", "")), false, "no secrets in logs");
  }
}

for (const runtime of ["deno", "node"] as const) {
  Deno.test({
    name: `gateways on ${runtime} share sessions, tokens, limit and the end of what they keep`,
    ...(runtime === "node" ? requires("redis-server", "node") : requires("redis-server")),
    fn: () => checkGateways(runtime),
  });
}
