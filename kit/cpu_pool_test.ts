import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findTool } from "../stack/tools.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { requires } from "../testing/requires.ts";
import type { BusyLoopResult } from "./busy_loop.ts";
import { CpuPool, type CpuPoolOptions, type CpuTask, type CpuWorker } from "./cpu_pool.ts";
import { Problem } from "./problem.ts";

/** A thread that works when the test says so. */
class FakeWorker implements CpuWorker {
  readonly tasks: CpuTask[] = [];
  terminated = false;
  readonly #listeners: Record<string, (value: never) => void> = {};

  postMessage(task: CpuTask): void {
    this.tasks.push(task);
  }
  on(event: string, listener: (value: never) => void): void {
    this.#listeners[event] = listener;
  }
  terminate(): Promise<number> {
    this.terminated = true;
    return Promise.resolve(1);
  }
  finish(durationMs: number): void {
    this.#listeners.message?.({ durationMs } as BusyLoopResult as never);
  }
  crash(error: Error): void {
    this.#listeners.error?.(error as never);
    this.#listeners.exit?.(1 as never);
  }
}

function createPool(options: CpuPoolOptions = {}) {
  const clock = new FakeClock();
  const workers: FakeWorker[] = [];
  const spawn = () => {
    const worker = new FakeWorker();
    workers.push(worker);
    return worker;
  };
  const worker = (i: number) => workers[i] ?? assert.fail(`no worker ${i}`);
  return { pool: new CpuPool({ clock, spawn, ...options }), clock, workers, worker };
}

Deno.test("CpuPool starts a thread only when there is work for it, and uses an idle one again", async () => {
  const { pool, workers, worker } = createPool();
  assert.deepEqual(pool.stats(), { threads: 0, running: 0, queued: 0 });
  const first = pool.run({ ms: 5 });
  assert.deepEqual(pool.stats(), { threads: 1, running: 1, queued: 0 });
  worker(0).finish(5);
  assert.deepEqual(await first, { durationMs: 5 });
  pool.run({ ms: 6 });
  assert.equal(workers.length, 1);
  assert.deepEqual(worker(0).tasks, [{ ms: 5 }, { ms: 6 }]);
});

Deno.test("CpuPool queues in order what its threads cannot take", async () => {
  const { pool, workers, worker } = createPool({ size: 1 });
  const results = [1, 2, 3].map((ms) => pool.run({ ms }));
  assert.deepEqual(pool.stats(), { threads: 1, running: 1, queued: 2 });
  for (const ms of [1, 2, 3]) worker(0).finish(ms);
  assert.deepEqual(await Promise.all(results), [1, 2, 3].map((durationMs) => ({ durationMs })));
  assert.equal(workers.length, 1);
});

Deno.test("CpuPool.run() is overloaded when the queue is full, and says when to come back", async () => {
  const { pool, worker } = createPool({ size: 2, maxQueue: 2 });
  const taken = [3_000, 3_000, 3_000, 3_000].map((ms) => pool.run({ ms }));
  await assert.rejects(pool.run({ ms: 1 }), (error) => {
    assert.ok(error instanceof Problem);
    assert.equal(error.type, "overloaded");
    assert.equal(error.headers["retry-after"], "6"); // 12 s of work on two threads
    return true;
  });
  worker(0).finish(3_000);
  assert.deepEqual(await taken[0], { durationMs: 3_000 });
  taken.push(pool.run({ ms: 1 })); // there is room again
  assert.equal(pool.stats().queued, 2);
});

Deno.test("CpuPool without a queue takes what its threads can do", async () => {
  const { pool } = createPool({ size: 1, maxQueue: 0 });
  pool.run({ ms: 1 });
  await assert.rejects(pool.run({ ms: 1 }), Problem);
});

Deno.test("CpuPool rejects the task of a crashed thread and replaces the thread", async () => {
  const { pool, workers, worker } = createPool({ size: 1 });
  const lost = pool.run({ ms: 1 });
  const next = pool.run({ ms: 2 });
  const cause = new Error("boom");
  worker(0).crash(cause);
  await assert.rejects(lost, (error) => error instanceof Error && error.cause === cause);
  assert.equal(workers.length, 2);
  worker(1).finish(2);
  assert.deepEqual(await next, { durationMs: 2 });
});

Deno.test("CpuPool ends a thread that was idle for idleMs, and not before", async () => {
  const { pool, clock, workers, worker } = createPool({ idleMs: 1_000 });
  const run = async (i: number) => {
    const done = pool.run({ ms: 1 });
    worker(i).finish(1);
    await done;
  };
  await run(0);
  await clock.advance(999);
  await run(0); // starts the second again
  await clock.advance(999);
  assert.equal(worker(0).terminated, false);
  await clock.advance(1);
  assert.equal(worker(0).terminated, true);
  assert.equal(pool.stats().threads, 0);
  await run(1);
  assert.equal(workers.length, 2);
});

Deno.test("CpuPool drops an aborted task that waits", async () => {
  const { pool, worker } = createPool({ size: 1 });
  pool.run({ ms: 1 });
  const left = new AbortController();
  const dropped = pool.run({ ms: 2 }, { signal: left.signal });
  pool.run({ ms: 3 });
  left.abort(new Error("client left"));
  await assert.rejects(dropped, /client left/);
  worker(0).finish(1);
  assert.deepEqual(worker(0).tasks, [{ ms: 1 }, { ms: 3 }]);
});

Deno.test("CpuPool ends the thread of an aborted task that runs, and goes on with another", async () => {
  const { pool, worker } = createPool({ size: 1 });
  const left = new AbortController();
  const aborted = pool.run({ ms: 60_000 }, { signal: left.signal });
  pool.run({ ms: 2 });
  left.abort(new Error("client left"));
  await assert.rejects(aborted, /client left/);
  assert.equal(worker(0).terminated, true);
  assert.deepEqual(worker(1).tasks, [{ ms: 2 }]);
});

Deno.test("CpuPool.run() does not begin when the signal has aborted already", async () => {
  const { pool, workers } = createPool();
  await assert.rejects(
    pool.run({ ms: 1 }, { signal: AbortSignal.abort(new Error("gone")) }),
    /gone/,
  );
  assert.equal(workers.length, 0);
});

Deno.test("CpuPool.close() ends threads, rejects what is open and takes nothing more", async () => {
  const { pool, worker } = createPool({ size: 1 });
  const open = [pool.run({ ms: 1 }), pool.run({ ms: 2 })];
  await Promise.all([pool.close(), ...open.map((job) => assert.rejects(job, /was closed/))]);
  assert.equal(worker(0).terminated, true);
  await assert.rejects(pool.run({ ms: 1 }), /is closed/);
});

Deno.test("CpuPool refuses options that cannot hold", () => {
  for (
    const options of [{ size: 0 }, { size: 1.5 }, { maxQueue: -1 }, { maxQueue: NaN }, {
      idleMs: -1,
    }]
  ) {
    assert.throws(() => new CpuPool(options), RangeError, JSON.stringify(options));
  }
});

const fixture = fileURLToPath(new URL("./cpu_pool_fixture.ts", import.meta.url));

/** Runs the fixture, which uses real threads, and reads what it printed. */
async function runFixture(command: string, args: string[]) {
  const { stdout } = await promisify(execFile)(command, [...args, fixture]);
  return JSON.parse(stdout);
}

function assertFixture(seen: Awaited<ReturnType<typeof runFixture>>): void {
  assert.ok(seen.durationMs >= 300, `${seen.durationMs}`);
  assert.ok(seen.ticks >= 5, `the event loop went on: ${seen.ticks} ticks`);
  assert.equal(seen.aborted, "client left");
  assert.deepEqual(seen.afterAbort, { threads: 0, running: 0, queued: 0 });
  assert.ok(seen.again >= 1, "another thread took over");
  assert.match(seen.crash, /Cannot finish task: its thread ended/);
}

Deno.test({
  name: "CpuPool keeps the event loop free on Deno",
  ...requires(),
  fn: async () =>
    assertFixture(await runFixture(Deno.execPath(), ["run", "--quiet", "--allow-read"])),
});

Deno.test({
  name: "CpuPool keeps the event loop free on Node",
  ...requires("node"),
  async fn() {
    const node = findTool("node");
    assert.ok(node.present);
    assertFixture(await runFixture(node.path, []));
  },
});
