import assert from "node:assert/strict";
import { get, onBothRuntimes, type Runtime, startFixture } from "../../testing/instance_fixture.ts";
import type { InstanceProcess } from "../../testing/instance_process.ts";

async function healthUrl(instance: InstanceProcess): Promise<string> {
  return `http://127.0.0.1:${(await instance.logged("listening")).healthPort}`;
}

async function assertBlockSeen(
  runtime: Runtime,
  env: Record<string, string>,
): Promise<void> {
  await using instance = startFixture(runtime, { HEALTH_PORT: "0", ...env });
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

onBothRuntimes({
  "runInstance() with HEALTH_PORT says blocked while the event loop is, and ready again after": (
    runtime,
  ) => assertBlockSeen(runtime, {}),

  "runInstance() with HEALTH_PORT and WORKERS says blocked while one of them is": (runtime) =>
    assertBlockSeen(runtime, { WORKERS: "2" }),

  "runInstance() with HEALTH_PORT answers probes only, and says so when it drains": async (
    runtime,
  ) => {
    await using instance = startFixture(runtime, { HEALTH_PORT: "0" });
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
    await using instance = startFixture(runtime, { HEALTH_PORT: String(taken.addr.port) });
    assert.equal(await instance.exitCode, 1);
    const { error } = await instance.logged("Cannot start fixture");
    assert.match(JSON.stringify(error), /EADDRINUSE|AddrInUse|in use/);
  },
});
