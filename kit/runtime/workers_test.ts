import assert from "node:assert/strict";
import { get, onBothRuntimes, startFixture } from "../../testing/instance_fixture.ts";
import { until } from "../../testing/until.ts";
import { systemClock } from "../clock.ts";

/** Asks on new connections until both workers have answered; the kernel spreads them at random. */
async function bothAnswer(url: string): Promise<void> {
  const seen = new Set<string | null>();
  for (let i = 0; i < 10_000 && seen.size < 2; i++) {
    // deno-lint-ignore no-await-in-loop -- a new connection each time, while a worker may be starting
    seen.add((await get(url)).headers.get("x-instance-id"));
  }
  assert.deepEqual([...seen].sort(), ["fixture-1.1", "fixture-1.2"]);
}

/** Inodes of the sockets that listen on the port of `url` (proc(5), `/proc/net/tcp`). */
function listeningSockets(url: string): string[] {
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, "0");
  return Deno.readTextFileSync("/proc/net/tcp").split("\n").map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${port}`) && state === LISTEN)
    .map((fields) => fields[9] ?? "");
}

const LISTEN = "0A";

onBothRuntimes({
  "runInstance() with WORKERS shares the port, and each worker says who it is": async (runtime) => {
    await using instance = startFixture(runtime, { WORKERS: "2" });
    const url = await instance.url();
    await bothAnswer(url);
    assert.deepEqual(instance.rubbish, []);
  },

  "runInstance() with WORKERS goes on when one crashes, and replaces it": async (runtime) => {
    await using instance = startFixture(runtime, { WORKERS: "2" });
    const url = await instance.url();
    const sockets = listeningSockets(url);
    assert.equal(sockets.length, 2);
    await get(`${url}/throw`);
    const { worker, error } = await instance.logged("worker crashed");
    assert.match(String(worker), /^fixture-1\.[12]$/);
    assert.match(JSON.stringify(error), /thrown outside of any request/);
    // What the kernel still gives to the socket of the crashed one is reset when that is closed.
    await until("its socket to be closed", () => {
      const now = listeningSockets(url);
      return sockets.some((inode) => !now.includes(inode));
    });
    assert.equal((await get(url)).status, 200, "the other one serves");
    await bothAnswer(url);
  },

  "runInstance() with WORKERS waits longer for a worker that crashes again": async (runtime) => {
    await using instance = startFixture(runtime, { WORKERS: "2" });
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
    await using instance = startFixture(runtime, { WORKERS: "2" });
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

  "runInstance() with WORKERS exits 1 when a worker cannot start": async (runtime) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await using instance = startFixture(runtime, { WORKERS: "2", PORT: String(taken.addr.port) });
    assert.equal(await instance.exitCode, 1);
    const { error } = await instance.logged("Cannot start fixture");
    assert.match(JSON.stringify(error), /EADDRINUSE|AddrInUse|in use/);
  },
});
