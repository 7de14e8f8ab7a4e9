// deno-lint-ignore-file no-await-in-loop -- one task after the other is the point
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findTool, PROJECT_ROOT } from "../stack/tools.ts";
import { requires } from "../testing/requires.ts";
import type { BusyLoopResult } from "./busy_loop.ts";
import { CpuPool, type CpuPoolOptions, type CpuTask, type CpuThreads } from "./cpu_pool.ts";
import { Problem } from "./problem.ts";
import { denoArgs } from "./runtime/command.ts";

interface Running {
  finish(): void;
  crash(error: Error): void;
}

/** Threads that work when the test says so; how many there are is the pool's to keep to. */
class FakeThreads implements CpuThreads {
  /** By their `ms`, in the order in which they were begun. */
  readonly running = new Map<number, Running>();
  readonly begun: number[] = [];
  destroyed = false;
  #onError: (error: unknown) => void = () => {};

  run({ ms }: CpuTask, { signal }: { signal: AbortSignal }): Promise<BusyLoopResult> {
    this.begun.push(ms);
    const { promise, resolve, reject } = Promise.withResolvers<BusyLoopResult>();
    const settled = () => this.running.delete(ms);
    this.running.set(ms, {
      finish: () => settled() && resolve({ durationMs: ms }),
      crash: (error) => settled() && reject(error),
    });
    // As piscina does: an error of its own, with the reason as its cause.
    signal.addEventListener("abort", () => settled() && reject(new Error("The task was aborted")));
    return promise;
  }
  on(_event: "error", listener: (error: unknown) => void): void {
    this.#onError = listener;
  }
  destroy(): Promise<void> {
    this.destroyed = true;
    return Promise.resolve();
  }
  crashIdle(error: Error): void {
    this.#onError(error);
  }
  async finish(ms: number): Promise<void> {
    (this.running.get(ms) ?? assert.fail(`no task of ${ms} ms`)).finish();
    await setImmediate();
  }
}

function createPool(options: CpuPoolOptions = {}) {
  const created: FakeThreads[] = [];
  const createThreads = () => {
    created.push(new FakeThreads());
    return threads();
  };
  const threads = () => created.at(-1) ?? assert.fail("no threads");
  /** Lets what is asked for begin. */
  const run = async (ms: number, signal?: AbortSignal) => {
    const result = pool.run({ ms }, signal ? { signal } : {});
    result.catch(() => {/* the test looks at it later */});
    await setImmediate();
    return { result };
  };
  const pool = new CpuPool({ createThreads, ...options });
  return { pool, created, threads, run };
}

Deno.test("CpuPool makes its threads when there is work for them, and once", async () => {
  const { pool, created, threads, run } = createPool();
  assert.equal(created.length, 0);
  const first = await run(5);
  assert.deepEqual(pool.stats(), { running: 1, queued: 0 });
  await threads().finish(5);
  assert.deepEqual(await first.result, { durationMs: 5 });
  assert.deepEqual(pool.stats(), { running: 0, queued: 0 });
  await run(6);
  assert.equal(created.length, 1);
});

Deno.test("CpuPool does tasks in the order in which they came, as many at once as it has threads", async () => {
  const { pool, threads, run } = createPool({ size: 2 });
  for (const ms of [1, 2, 3, 4, 5]) await run(ms);
  assert.deepEqual(pool.stats(), { running: 2, queued: 3 });
  assert.deepEqual(threads().begun, [1, 2]);
  for (const ms of [2, 3, 1, 4, 5]) {
    await threads().finish(ms);
    assert.ok(threads().running.size <= 2);
  }
  assert.deepEqual(threads().begun, [1, 2, 3, 4, 5]);
});

Deno.test("CpuPool.run() is overloaded when the queue is full, and says when to come back", async () => {
  const { pool, threads, run } = createPool({ size: 2, maxQueue: 2 });
  for (const ms of [2_999, 3_000, 3_001, 3_002]) await run(ms);
  await assert.rejects(pool.run({ ms: 1 }), (error) => {
    assert.ok(error instanceof Problem);
    assert.equal(error.type, "overloaded");
    assert.equal(error.headers["retry-after"], "7"); // 12.002 s of work on two threads
    return true;
  });
  await threads().finish(2_999);
  await run(1); // there is room again
  assert.equal(pool.stats().queued, 2);
});

Deno.test("CpuPool without a queue takes what its threads can do", async () => {
  const { pool, run } = createPool({ size: 1, maxQueue: 0 });
  await run(1);
  await assert.rejects(pool.run({ ms: 1 }), Problem);
});

Deno.test("CpuPool rejects the task of a crashed thread and goes on with the next", async () => {
  const { threads, run } = createPool({ size: 1 });
  const lost = await run(1);
  const next = await run(2);
  const cause = new Error("boom");
  threads().running.get(1)?.crash(cause);
  await assert.rejects(lost.result, (error) => error instanceof Error && error.cause === cause);
  await threads().finish(2);
  assert.deepEqual(await next.result, { durationMs: 2 });
});

Deno.test("CpuPool rejects what waits for a thread that crashed at its start, and begins anew", async () => {
  const { created, threads, run } = createPool({ size: 1 });
  const open = [await run(1), await run(2)];
  const cause = new Error("boom");
  const [before] = created;
  before?.crashIdle(cause);
  for (const { result } of open) {
    await assert.rejects(result, (error) => error instanceof Error && error.cause === cause);
  }
  assert.equal(before?.destroyed, true);
  const next = await run(3);
  assert.equal(created.length, 2);
  before?.crashIdle(new Error("another of the old threads"));
  await threads().finish(3);
  assert.deepEqual(await next.result, { durationMs: 3 });
});

Deno.test("CpuPool drops an aborted task that waits", async () => {
  const { pool, threads, run } = createPool({ size: 1 });
  await run(1);
  const left = new AbortController();
  const dropped = await run(2, left.signal);
  await run(3);
  left.abort(new Error("client left"));
  await assert.rejects(dropped.result, /client left/);
  assert.deepEqual(pool.stats(), { running: 1, queued: 1 });
  await threads().finish(1);
  assert.deepEqual(threads().begun, [1, 3]);
});

Deno.test("CpuPool ends an aborted task that runs, and goes on with the next", async () => {
  const { threads, run } = createPool({ size: 1 });
  const left = new AbortController();
  const aborted = await run(60_000, left.signal);
  await run(2);
  left.abort(new Error("client left"));
  await assert.rejects(aborted.result, /client left/);
  assert.deepEqual([...threads().running.keys()], [2]);
});

Deno.test("CpuPool.run() does not begin when the signal has aborted already", async () => {
  const { pool, created } = createPool();
  const signal = AbortSignal.abort(new Error("gone"));
  await assert.rejects(pool.run({ ms: 1 }, { signal }), /gone/);
  assert.equal(created.length, 0);
});

Deno.test("CpuPool.close() ends threads, rejects what is open and takes nothing more", async () => {
  const { pool, threads, run } = createPool({ size: 1 });
  const open = [await run(1), await run(2)];
  await pool.close();
  for (const { result } of open) await assert.rejects(result, /was closed/);
  assert.equal(threads().destroyed, true);
  assert.equal(threads().running.size, 0);
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
  const { stdout } = await promisify(execFile)(command, [...args, fixture], { timeout: 20_000 });
  return JSON.parse(stdout);
}

function assertFixture(seen: Awaited<ReturnType<typeof runFixture>>): void {
  assert.ok(seen.durationMs >= 300, `${seen.durationMs}`);
  assert.ok(seen.ticks >= 5, `the event loop went on: ${seen.ticks} ticks`);
  assert.deepEqual(seen.order, [3, 1, 2], "first come, first served");
  assert.equal(seen.aborted, "client left");
  assert.ok(seen.waited >= 1, "who waited behind the aborted task got a new thread");
  assert.deepEqual(seen.threads, { before: 0, during: 1, afterIdle: 0 });
  assert.match(seen.crash, /Cannot finish task: its thread ended/);
}

Deno.test({
  name: "CpuPool keeps the event loop free on Deno, with the permissions of an instance",
  ...requires(),
  async fn() {
    assertFixture(await runFixture(Deno.execPath(), denoArgs({ read: [PROJECT_ROOT] })));
  },
});

Deno.test({
  name: "CpuPool keeps the event loop free on Node",
  ...requires("node"),
  async fn() {
    const node = findTool("node");
    assert.ok(node.present);
    const seen = await runFixture(node.path, []);
    assertFixture(seen);
    assert.deepEqual(seen.niceness, [0, 10]);
  },
});

Deno.test({
  name: "CpuPool gives its threads a lower priority than the event loop on Deno",
  ...requires(),
  async fn() {
    // Only --allow-all lets a process read its own /proc.
    const { niceness } = await runFixture(Deno.execPath(), ["run", "--quiet", "--allow-all"]);
    assert.deepEqual(niceness, [0, 10]);
  },
});
