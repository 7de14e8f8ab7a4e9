import assert from "node:assert/strict";
import {
  type InstanceProcess,
  type InstanceProcessOptions,
  startInstanceProcess,
} from "../../testing/instance_process.ts";
import { requires } from "../../testing/requires.ts";
import { systemClock } from "../clock.ts";

/** Runs the fixture; `env` is all that it sees. */
function start(runtime: InstanceProcessOptions["runtime"], env: Record<string, string> = {}) {
  return startInstanceProcess({
    runtime,
    main: "kit/runtime/fixture/main.ts",
    env: { INSTANCE_ID: "fixture-1", ...env },
  });
}

/** One request on a connection of its own. */
async function get(url: string, headers: Record<string, string> = {}) {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const response = await fetch(url, { client, headers });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

/** Whether nobody listens. */
async function refused(url: string): Promise<boolean> {
  return await get(url).then(() => false, () => true);
}

function messages(instance: InstanceProcess): string[] {
  return instance.lines.map(({ msg }) => msg);
}

/** The same assertions on both runtimes: that is the point. */
const CASES: Record<string, (runtime: InstanceProcessOptions["runtime"]) => Promise<void>> = {
  "runInstance() serves, identifies itself and answers probes": async (runtime) => {
    await using instance = start(runtime, { GREETING: "good day" });
    const url = await instance.url();
    const answer = await get(url);
    assert.deepEqual([answer.status, answer.body], [200, '{"greeting":"good day"}']);
    assert.equal(answer.headers.get("x-instance-id"), "fixture-1");
    assert.match(answer.headers.get("x-request-id") ?? "", /^[\w-]{8,}$/);
    assert.equal((await get(`${url}/healthz`)).status, 200);
    assert.equal((await get(`${url}/readyz`)).status, 200);
    const metrics = await get(`${url}/metrics`);
    assert.match(metrics.body, /event_loop_lag_seconds\{quantile="0\.99"\}/);
    assert.deepEqual(JSON.parse((await get(`${url}/peer`)).body), { address: "127.0.0.1" });
    const fetched = await get(`${url}/fetched`);
    assert.deepEqual([fetched.status, fetched.body], [200, '{"greeting":"good day"}']);
    assert.equal(fetched.headers.get("content-type"), "application/json");
    assert.equal(fetched.headers.get("x-instance-id"), "fixture-1");
    const unknown = await get(`${url}/nowhere`);
    assert.deepEqual([unknown.status, unknown.headers.get("content-type")], [
      404,
      "application/problem+json",
    ]);
    const { port, service, runtime: logged } = await instance.logged("listening");
    assert.deepEqual([port, service, logged], [Number(new URL(url).port), "fixture", runtime]);
  },

  "runInstance() does not tell a HEAD that GET's answer is empty": async (runtime) => {
    await using instance = start(runtime);
    const { hostname, port } = new URL(await instance.url());
    const connection = await Deno.connect({ hostname, port: Number(port) });
    await connection.write(
      new TextEncoder().encode("HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
    );
    const answer = await new Response(connection.readable).text();
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.doesNotMatch(answer, /content-length: 0/i);
    assert.match(answer, /\r\n\r\n$/);
  },

  "runInstance() logs no requests above LOG_LEVEL info": async (runtime) => {
    // It does not say where it listens either, so it is told.
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    await using quiet = start(runtime, { LOG_LEVEL: "warn", PORT: `${port}` });
    // deno-lint-ignore no-await-in-loop -- until it listens
    while (await refused(`http://127.0.0.1:${port}/`)) await systemClock.sleep(20);
    quiet.kill("SIGTERM");
    assert.equal(await quiet.exitCode, 0);
    assert.equal(messages(quiet).includes("request"), false);
    await using talking = start(runtime, { LOG_LEVEL: "info" });
    await get(await talking.url());
    await talking.logged("request");
  },

  "runInstance() does not abort the signal of a request that succeeded": async (runtime) => {
    await using instance = start(runtime);
    const url = await instance.url();
    await get(url);
    await get(url);
    assert.deepEqual(JSON.parse((await get(`${url}/aborted`)).body), { aborted: 0 });
  },

  "runInstance() makes an id of its own when it is given none": async (runtime) => {
    await using instance = start(runtime, { INSTANCE_ID: "" });
    const answer = await get(await instance.url());
    assert.match(answer.headers.get("x-instance-id") ?? "", /^fixture-[0-9a-f]{8}$/);
  },

  "runInstance() drains at SIGTERM: unready at once, serves what is open and what comes, exits 0":
    async (runtime) => {
      await using instance = start(runtime);
      const url = await instance.url();
      const open = get(`${url}/wait?ms=800`);
      await get(url); // the one before has arrived
      instance.kill("SIGTERM");
      await instance.logged("draining");
      assert.equal((await get(`${url}/readyz`)).status, 503);
      const late = await get(url); // of a front that has not noticed yet
      assert.deepEqual([late.status, late.headers.get("connection")], [200, "close"]);
      const finished = await open;
      assert.deepEqual([finished.status, finished.body], [200, "waited"]);
      assert.equal(await instance.exitCode, 0);
      assert.deepEqual(messages(instance).slice(-2), ["application closed", "drained"]);
      const paths = instance.lines.filter(({ msg }) => msg === "request").map(({ path }) => path);
      assert.deepEqual(paths, ["/", "/", "/wait"], "the access log is complete");
      assert.deepEqual(instance.rubbish, []);
    },

  "runInstance() drains at SIGINT too": async (runtime) => {
    await using instance = start(runtime);
    await instance.url();
    instance.kill("SIGINT");
    assert.equal(await instance.exitCode, 0);
  },

  "runInstance() exits 0 though the application never lets go": async (runtime) => {
    await using instance = start(runtime, { HANG: "1" });
    await instance.url();
    instance.kill("SIGTERM");
    assert.equal(await instance.exitCode, 0);
    assert.equal(messages(instance).at(-1), "drained");
  },

  "runInstance() exits 1 at the second signal": async (runtime) => {
    await using instance = start(runtime);
    const url = await instance.url();
    const open = get(`${url}/wait?ms=60000`).catch(() => "cut");
    await get(url);
    instance.kill("SIGTERM");
    await instance.logged("draining");
    instance.kill("SIGINT");
    assert.equal(await instance.exitCode, 1);
    assert.equal(await open, "cut");
  },

  "runInstance() exits 1 when a request outlives the drain timeout": async (runtime) => {
    await using instance = start(runtime, { DRAIN_TIMEOUT_MS: "300" });
    const url = await instance.url();
    const open = get(`${url}/wait?ms=60000`).catch(() => "cut");
    await get(url);
    instance.kill("SIGTERM");
    assert.equal(await instance.exitCode, 1);
    assert.equal(await open, "cut");
    assert.equal(messages(instance).at(-1), "drain cut short");
  },

  "runInstance() says what is wrong with the environment on one line and exits 2": async (
    runtime,
  ) => {
    await using instance = start(runtime, { PORT: "http", WORKERS: "0", SIZE: "11" });
    assert.equal(await instance.exitCode, 2);
    assert.equal(instance.lines.length, 1);
    assert.deepEqual(instance.rubbish, []);
    const [line] = instance.lines;
    assert.equal(line?.level, "error");
    assert.equal(
      line?.msg,
      'Cannot read environment: PORT must be an integer from 0 to 65535, received "http"; ' +
        'WORKERS must be an integer from 1 to 64, received "0"; ' +
        'SIZE must be an integer from 0 to 10, received "11"',
    );
  },

  "runInstance() says so and exits 1 when the port is taken": async (runtime) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await using instance = start(runtime, { PORT: String(taken.addr.port) });
    assert.equal(await instance.exitCode, 1);
    const { error } = await instance.logged("Cannot start fixture");
    assert.match(JSON.stringify(error), /EADDRINUSE|AddrInUse|in use/);
    assert.deepEqual(instance.rubbish, []);
  },

  "runInstance() logs an error that nobody caught and exits 1": (runtime) =>
    assertCrash(runtime, "throw", "uncaught error"),

  "runInstance() logs a rejection that nobody handled and exits 1": (runtime) =>
    assertCrash(runtime, "reject", "unhandled rejection"),

  "runInstance() with WORKERS shares the port, and each worker says who it is": async (runtime) => {
    await using instance = start(runtime, { WORKERS: "2" });
    const url = await instance.url();
    await bothAnswer(url);
    assert.deepEqual(instance.rubbish, []);
  },

  "runInstance() with WORKERS goes on when one crashes, and replaces it": async (runtime) => {
    await using instance = start(runtime, { WORKERS: "2" });
    const url = await instance.url();
    await get(`${url}/throw`);
    const { worker, error } = await instance.logged("worker crashed");
    assert.match(String(worker), /^fixture-1\.[12]$/);
    assert.match(JSON.stringify(error), /thrown outside of any request/);
    assert.equal((await get(url)).status, 200, "the other one serves");
    await bothAnswer(url);
  },

  "runInstance() with WORKERS waits longer for a worker that crashes again": async (runtime) => {
    await using instance = start(runtime, { WORKERS: "2" });
    const url = await instance.url();
    const pauses = () =>
      instance.lines.filter(({ msg }) => msg === "worker crashed").map((line) => line.restartInMs);
    // Three crashes of two workers: one of them crashes at least twice.
    while (pauses().length < 3) {
      // deno-lint-ignore no-await-in-loop -- one crash after the other; for a moment nobody may listen
      await get(`${url}/throw`).catch(() => systemClock.sleep(20));
    }
    assert.equal(pauses()[0], 100);
    assert.ok(pauses().includes(200), `received ${pauses()}`);
  },

  "runInstance() with WORKERS drains them all at SIGTERM and exits 0": async (runtime) => {
    await using instance = start(runtime, { WORKERS: "2" });
    const url = await instance.url();
    const open = Promise.all([0, 1, 2, 3].map(() => get(`${url}/wait?ms=800`)));
    await bothAnswer(url);
    instance.kill("SIGTERM");
    await instance.logged("draining");
    assert.deepEqual((await open).map(({ body }) => body), Array(4).fill("waited"));
    assert.equal(await instance.exitCode, 0);
    const paths = instance.lines.filter(({ path }) => path === "/wait");
    assert.equal(paths.length, 4, "the access logs are complete");
  },

  "runInstance() with HEALTH_PORT says blocked while the event loop is, and ready again after": (
    runtime,
  ) => assertBlockSeen(runtime, {}),

  "runInstance() with HEALTH_PORT and WORKERS says blocked while one of them is": (runtime) =>
    assertBlockSeen(runtime, { WORKERS: "2" }),

  "runInstance() with HEALTH_PORT answers probes only, and says so when it drains": async (
    runtime,
  ) => {
    await using instance = start(runtime, { HEALTH_PORT: "0" });
    const url = await instance.url();
    const health = await healthUrl(instance);
    const live = await get(`${health}/healthz`);
    assert.deepEqual([live.status, live.headers.get("x-instance-id")], [200, "fixture-1"]);
    for (const path of ["/", "/metrics", "/readyz/x"]) {
      // deno-lint-ignore no-await-in-loop -- three small requests
      assert.equal((await get(health + path)).status, 404, path);
    }
    const open = get(`${url}/wait?ms=800`);
    await get(url);
    instance.kill("SIGTERM");
    await instance.logged("draining");
    const { status, body } = await get(`${health}/readyz`);
    assert.equal(status, 503);
    assert.match(body, /draining/);
    await open;
    assert.equal(await instance.exitCode, 0);
  },

  "runInstance() exits 1 when HEALTH_PORT is taken": async (runtime) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await using instance = start(runtime, { HEALTH_PORT: String(taken.addr.port) });
    assert.equal(await instance.exitCode, 1);
    const { error } = await instance.logged("Cannot start fixture");
    assert.match(JSON.stringify(error), /EADDRINUSE|AddrInUse|in use/);
  },

  "runInstance() with WORKERS exits 1 when a worker cannot start": async (runtime) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await using instance = start(runtime, { WORKERS: "2", PORT: String(taken.addr.port) });
    assert.equal(await instance.exitCode, 1);
    const { error } = await instance.logged("Cannot start fixture");
    assert.match(JSON.stringify(error), /EADDRINUSE|AddrInUse|in use/);
  },
};

async function healthUrl(instance: InstanceProcess): Promise<string> {
  return `http://127.0.0.1:${(await instance.logged("listening")).healthPort}`;
}

async function assertBlockSeen(
  runtime: InstanceProcessOptions["runtime"],
  env: Record<string, string>,
): Promise<void> {
  await using instance = start(runtime, { HEALTH_PORT: "0", ...env });
  const url = await instance.url();
  const ready = `${await healthUrl(instance)}/readyz`;
  assert.equal((await get(ready)).status, 200);
  let blocked = true;
  const block = get(`${url}/block?ms=2000`).then(() => blocked = false);
  let seen = "";
  while (blocked && !seen.includes("blocked")) {
    // deno-lint-ignore no-await-in-loop -- looking again is the point
    seen = (await get(ready)).body;
  }
  assert.match(seen, /received \\"blocked\\"/);
  assert.equal(blocked, true, "it was said while the loop was blocked");
  await block;
  // The answer may leave before the next beat.
  let status = 0;
  for (let i = 0; i < 1_000 && status !== 200; i++) {
    // deno-lint-ignore no-await-in-loop -- looking again is the point
    ({ status } = await get(ready));
  }
  assert.equal(status, 200);
}

async function assertCrash(
  runtime: InstanceProcessOptions["runtime"],
  path: string,
  msg: string,
): Promise<void> {
  await using instance = start(runtime);
  await get(`${await instance.url()}/${path}`).catch(() => "cut");
  assert.equal(await instance.exitCode, 1);
  const { error } = await instance.logged(msg);
  assert.match(JSON.stringify(error), /outside of any request/);
  assert.deepEqual(instance.rubbish, []);
}

/** Asks on new connections until both workers have answered; the kernel spreads them at random. */
async function bothAnswer(url: string): Promise<void> {
  const seen = new Set<string | null>();
  for (let i = 0; i < 10_000 && seen.size < 2; i++) {
    // deno-lint-ignore no-await-in-loop -- a new connection each time, while a worker may be starting
    seen.add((await get(url)).headers.get("x-instance-id"));
  }
  assert.deepEqual([...seen].sort(), ["fixture-1.1", "fixture-1.2"]);
}

for (const [name, fn] of Object.entries(CASES)) {
  Deno.test({ name: `${name} (Deno)`, ...requires(), fn: () => fn("deno") });
  Deno.test({ name: `${name} (Node)`, ...requires("node"), fn: () => fn("node") });
}
