import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { FakeClock } from "../testing/fake_clock.ts";
import { findTool } from "../stack/tools.ts";
import { requires } from "../testing/requires.ts";
import { EventLoopMonitor, type EventLoopMonitorOptions } from "./event_loop_monitor.ts";

function start(options: EventLoopMonitorOptions = {}) {
  const clock = new FakeClock();
  const lines: { level: string; msg: string; fields?: Record<string, unknown> | undefined }[] = [];
  const log = {
    info: (msg: string, fields?: Record<string, unknown>) =>
      void lines.push({ level: "info", msg, fields }),
    warn: (msg: string, fields?: Record<string, unknown>) =>
      void lines.push({ level: "warn", msg, fields }),
  };
  const monitor = new EventLoopMonitor({ clock, log, ...options });
  const sampling = monitor.start();
  return { clock, lines, monitor, [Symbol.dispose]: () => sampling[Symbol.dispose]() };
}

Deno.test("EventLoopMonitor counts one sample an interval and no lag when the loop is free", async () => {
  using fixture = start();
  await fixture.clock.advance(1_000);
  assert.deepEqual(fixture.monitor.snapshot(), {
    count: 50,
    p50Ms: 0,
    p99Ms: 0,
    maxMs: 0,
    ewmaMs: 0,
  });
});

Deno.test("EventLoopMonitor sees a block as late as the timer fires", async () => {
  using fixture = start();
  await fixture.clock.advance(90); // a sample is due at 100
  fixture.clock.block(300); // and fires at 390
  await fixture.clock.advance(0);
  assert.equal(fixture.monitor.snapshot().maxMs, 290);
});

Deno.test("EventLoopMonitor takes percentiles over time, not over the fires that a block swallowed", async () => {
  using fixture = start();
  await fixture.clock.advance(1_000);
  fixture.clock.block(1_020); // due at 1020, fires at 2020
  await fixture.clock.advance(0);
  const { count, p50Ms, maxMs } = fixture.monitor.snapshot();
  assert.equal(count, 50 + 51); // lags of 1000, 980, ... 0
  assert.equal(maxMs, 1_000);
  assert.equal(p50Ms, 0);
  fixture.clock.block(1_020);
  await fixture.clock.advance(0);
  assert.ok(fixture.monitor.snapshot().p50Ms > 0, "most of the time was blocked");
});

Deno.test("EventLoopMonitor forgets what is older than the window", async () => {
  using fixture = start({ windowMs: 1_000 });
  fixture.clock.block(5_000); // longer than the window itself
  await fixture.clock.advance(0);
  assert.equal(fixture.monitor.snapshot().count, 50);
  await fixture.clock.advance(1_000);
  assert.deepEqual(
    { ...fixture.monitor.snapshot(), ewmaMs: 0 },
    { count: 50, p50Ms: 0, p99Ms: 0, maxMs: 0, ewmaMs: 0 },
  );
});

Deno.test("EventLoopMonitor averages with the weight of the time constant", async () => {
  using fixture = start({ intervalMs: 500 });
  fixture.clock.block(990); // due at 500, fires at 990: a lag of 490, less than one sample
  await fixture.clock.advance(0);
  // toobusy-js: one third of the new value for each 500 ms.
  assert.ok(
    Math.abs(fixture.monitor.snapshot().ewmaMs - 490 / 3) < 1e-9,
    `${fixture.monitor.snapshot().ewmaMs}`,
  );
  await fixture.clock.advance(500);
  assert.ok(Math.abs(fixture.monitor.snapshot().ewmaMs - 490 / 3 * 2 / 3) < 1e-9);
});

Deno.test("EventLoopMonitor warns above the limit, at most once a second, with the worst", async () => {
  using fixture = start();
  const { clock, lines } = fixture;
  const late = async (lagMs: number) => {
    clock.block(20 + lagMs);
    await clock.advance(0);
  };
  await late(10); // the limit itself is fine
  assert.deepEqual(lines, []);
  await late(11);
  await late(15);
  await late(30);
  await late(12);
  await clock.advance(2_000);
  assert.deepEqual(lines, [
    { level: "warn", msg: "event loop delayed", fields: { lagMs: 11, delays: 1 } },
    { level: "warn", msg: "event loop delayed", fields: { lagMs: 30, delays: 3 } },
  ]);
});

Deno.test("EventLoopMonitor says healthy once for each minute without lag", async () => {
  using fixture = start();
  const { clock, lines } = fixture;
  const healthy = () => lines.filter(({ msg }) => msg === "event loop healthy").length;
  await clock.advance(59_000);
  assert.equal(healthy(), 0);
  await clock.advance(2_000);
  assert.equal(healthy(), 1);
  await clock.advance(30_000);
  clock.block(100); // starts the minute again
  await clock.advance(59_000);
  assert.equal(healthy(), 1);
  await clock.advance(2_000);
  assert.equal(healthy(), 2);
});

Deno.test("EventLoopMonitor samples no more once disposed of", async () => {
  const fixture = start();
  await fixture.clock.advance(40);
  fixture[Symbol.dispose]();
  await fixture.clock.advance(1_000);
  assert.equal(fixture.monitor.snapshot().count, 2);
});

Deno.test("EventLoopMonitor refuses options that cannot hold", () => {
  const cases: EventLoopMonitorOptions[] = [
    { intervalMs: 0 },
    { intervalMs: NaN },
    { windowMs: -1 },
    { windowMs: Infinity },
    { warnAboveMs: 0 },
    { healthyAfterMs: 0 },
    { smoothingMs: 0 },
    { intervalMs: 100, windowMs: 99 },
  ];
  for (const options of cases) {
    assert.throws(() => new EventLoopMonitor(options), RangeError, JSON.stringify(options));
  }
});

const fixture = fileURLToPath(new URL("./event_loop_monitor_fixture.ts", import.meta.url));

/** Runs the fixture in a process of its own: its block must not stop this one. */
function blockIn(command: string, args: string[], blockMs: number): Promise<{
  snapshot: { count: number; maxMs: number; p50Ms: number };
  warnings: { msg: string; lagMs: number }[];
}> {
  return new Promise((resolve, reject) => {
    execFile(command, [...args, fixture, String(blockMs)], (error, stdout) => {
      if (error) reject(error);
      else resolve(JSON.parse(stdout));
    });
  });
}

function nodePath(): string {
  const node = findTool("node");
  assert.ok(node.present);
  return node.path;
}

function assertSeen({ snapshot, warnings }: Awaited<ReturnType<typeof blockIn>>, blockMs: number) {
  assert.ok(snapshot.maxMs >= blockMs - 20, `max ${snapshot.maxMs} ms of ${blockMs} ms`);
  assert.ok(warnings.some(({ lagMs }) => lagMs >= blockMs - 20), JSON.stringify(warnings));
  assert.ok(snapshot.count >= blockMs / 20, `count ${snapshot.count}`);
}

for (const blockMs of [300, 1_500]) {
  Deno.test({
    name: `EventLoopMonitor sees an isolated block of ${blockMs} ms on Deno`,
    ...requires(),
    fn: async () =>
      assertSeen(await blockIn(Deno.execPath(), ["run", "--quiet"], blockMs), blockMs),
  });
  Deno.test({
    name: `EventLoopMonitor sees an isolated block of ${blockMs} ms on Node`,
    ...requires("node"),
    fn: async () => assertSeen(await blockIn(nodePath(), [], blockMs), blockMs),
  });
}
