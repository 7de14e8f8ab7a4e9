import assert from "node:assert/strict";
import { get, onBothRuntimes, type Runtime, startFixture } from "../../testing/instance_fixture.ts";
import type { InstanceProcess } from "../../testing/instance_process.ts";
import { systemClock } from "../clock.ts";

/** Whether nobody listens. */
async function refused(url: string): Promise<boolean> {
  return await get(url).then(() => false, () => true);
}

function messages(instance: InstanceProcess): string[] {
  return instance.lines.map(({ msg }) => msg);
}

async function assertCrash(
  runtime: Runtime,
  path: string,
  msg: string,
): Promise<void> {
  await using instance = startFixture(runtime);
  await get(`${await instance.url()}/${path}`).catch(() => "cut");
  assert.equal(await instance.exitCode, 1);
  const { error } = await instance.logged(msg);
  assert.match(JSON.stringify(error), /outside of any request/);
  assert.deepEqual(instance.rubbish, []);
}

onBothRuntimes({
  "runInstance() serves, identifies itself and answers probes": async (runtime) => {
    await using instance = startFixture(runtime, { GREETING: "good day" });
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
    await using instance = startFixture(runtime);
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
    await using quiet = startFixture(runtime, { LOG_LEVEL: "warn", PORT: `${port}` });
    // deno-lint-ignore no-await-in-loop -- until it listens
    while (await refused(`http://127.0.0.1:${port}/`)) await systemClock.sleep(20);
    quiet.kill("SIGTERM");
    assert.equal(await quiet.exitCode, 0);
    assert.equal(messages(quiet).includes("request"), false);
    await using talking = startFixture(runtime, { LOG_LEVEL: "info" });
    await get(await talking.url());
    await talking.logged("request");
  },

  "runInstance() does not abort the signal of a request that succeeded": async (runtime) => {
    await using instance = startFixture(runtime);
    const url = await instance.url();
    await get(url);
    await get(url);
    assert.deepEqual(JSON.parse((await get(`${url}/aborted`)).body), { aborted: 0 });
  },

  "runInstance() makes an id of its own when it is given none": async (runtime) => {
    await using instance = startFixture(runtime, { INSTANCE_ID: "" });
    const answer = await get(await instance.url());
    assert.match(answer.headers.get("x-instance-id") ?? "", /^fixture-[0-9a-f]{8}$/);
  },

  "runInstance() drains at SIGTERM: unready at once, serves what is open and what comes, exits 0":
    async (runtime) => {
      await using instance = startFixture(runtime);
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
    await using instance = startFixture(runtime);
    await instance.url();
    instance.kill("SIGINT");
    assert.equal(await instance.exitCode, 0);
  },

  "runInstance() exits 0 though the application never lets go": async (runtime) => {
    await using instance = startFixture(runtime, { HANG: "1" });
    await instance.url();
    instance.kill("SIGTERM");
    assert.equal(await instance.exitCode, 0);
    assert.equal(messages(instance).at(-1), "drained");
  },

  "runInstance() exits 1 at the second signal": async (runtime) => {
    await using instance = startFixture(runtime);
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
    await using instance = startFixture(runtime, { DRAIN_TIMEOUT_MS: "300" });
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
    await using instance = startFixture(runtime, { PORT: "http", WORKERS: "0", SIZE: "11" });
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
    await using instance = startFixture(runtime, { PORT: String(taken.addr.port) });
    assert.equal(await instance.exitCode, 1);
    const { error } = await instance.logged("Cannot start fixture");
    assert.match(JSON.stringify(error), /EADDRINUSE|AddrInUse|in use/);
    assert.deepEqual(instance.rubbish, []);
  },

  "runInstance() logs an error that nobody caught and exits 1": (runtime) =>
    assertCrash(runtime, "throw", "uncaught error"),

  "runInstance() logs a rejection that nobody handled and exits 1": (runtime) =>
    assertCrash(runtime, "reject", "unhandled rejection"),
});
