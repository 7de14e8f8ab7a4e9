import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import type { LifecycleState } from "./lifecycle.ts";
import { LoadShedder, type LoadShedderOptions, requestAgeMs } from "./load_shedder.ts";

const INTERVAL_MS = 20;

/** A shedder whose dice show 0.5 unless told otherwise. */
function createShedder(options: Partial<LoadShedderOptions> = {}) {
  const clock = new FakeClock();
  const lifecycle = { inFlight: 1, state: { kind: "ready" } as LifecycleState };
  const dice = { next: 0.5 };
  const random = () => dice.next;
  const shedder = new LoadShedder({
    lifecycle,
    clock,
    random,
    intervalMs: INTERVAL_MS,
    ...options,
  });
  /** Lag that goes on for so long: samples of `lagMs`, each `INTERVAL_MS + lagMs` apart. */
  const lagFor = (durationMs: number, lagMs: number) => {
    for (let t = 0; t < durationMs; t += INTERVAL_MS + lagMs) shedder.observeLag(lagMs);
  };
  const startedAgo = (ms: number) => `t=${(clock.wallNow() - ms) / 1_000}`;
  return { shedder, lifecycle, clock, dice, lagFor, startedAgo };
}

Deno.test("LoadShedder admits everything while nothing is late", () => {
  const { shedder, lifecycle, lagFor, startedAgo } = createShedder();
  lagFor(10_000, 1);
  lifecycle.inFlight = 1_024;
  assert.equal(shedder.refuse(null), undefined);
  assert.equal(shedder.refuse(startedAgo(10)), undefined);
});

Deno.test("LoadShedder refuses what is in flight beyond the maximum", () => {
  const { shedder, lifecycle } = createShedder({ maxInFlight: 10 });
  lifecycle.inFlight = 10; // the request itself is among them
  assert.equal(shedder.refuse(null), undefined);
  lifecycle.inFlight = 11;
  assert.equal(shedder.refuse(null), "in-flight");
});

Deno.test("LoadShedder lowers the in-flight limit while lag goes on, to the minimum", () => {
  const { shedder, lifecycle, lagFor } = createShedder();
  lagFor(300, 30);
  const { limit } = shedder;
  assert.ok(limit < 1_024 && limit > 64, `${limit}`);
  lagFor(3_000, 30);
  assert.equal(shedder.limit, 64);
  lifecycle.inFlight = 64;
  assert.equal(shedder.refuse(null), undefined);
  lifecycle.inFlight = 65;
  assert.equal(shedder.refuse(null), "in-flight");
});

Deno.test("LoadShedder raises the in-flight limit again when the lag is over", () => {
  const { shedder, lagFor } = createShedder();
  lagFor(3_000, 30);
  lagFor(1_000, 0);
  const after1s = shedder.limit;
  assert.ok(after1s > 64 && after1s < 1_024, `${after1s}`);
  lagFor(4_000, 0);
  assert.equal(shedder.limit, 1_024);
});

Deno.test("LoadShedder leaves the in-flight limit alone at lag below the target", () => {
  const { shedder, lagFor } = createShedder();
  lagFor(3_000, 14);
  assert.equal(shedder.limit, 1_024);
});

Deno.test("LoadShedder refuses a share that grows with the average lag beyond the high-water mark", () => {
  // By now the average is the lag itself: 70 ms refuses none, 105 ms half, 140 ms all.
  for (
    const [lagMs, dice, reason] of [
      [70, 0, undefined],
      [105, 0.49, "lag"],
      [105, 0.51, undefined],
      [140, 0.999, "lag"],
    ] as const
  ) {
    const fixture = createShedder();
    fixture.lagFor(60_000, lagMs);
    fixture.dice.next = dice;
    assert.equal(fixture.shedder.refuse(null), reason, `${lagMs} ms, ${dice}`);
  }
});

Deno.test("LoadShedder refuses by lag no request that has not waited itself", () => {
  const { shedder, lagFor, startedAgo } = createShedder();
  lagFor(60_000, 200);
  assert.equal(shedder.refuse(startedAgo(5)), undefined);
  assert.equal(shedder.refuse(startedAgo(100)), "lag");
  assert.equal(shedder.refuse(null), "lag");
});

Deno.test("LoadShedder refuses nothing after one block, however long", () => {
  const { shedder, lifecycle, dice } = createShedder();
  dice.next = 0;
  shedder.observeLag(60_000);
  lifecycle.inFlight = 300; // what has gathered meanwhile
  assert.equal(shedder.refuse(null), undefined);
});

Deno.test("LoadShedder refuses what waited longer than the maximum", () => {
  const { shedder, startedAgo } = createShedder({ maxQueueAgeMs: 1_000 });
  assert.equal(shedder.refuse(startedAgo(1_000)), undefined);
  assert.equal(shedder.refuse(startedAgo(1_001)), "queue-age");
});

Deno.test("LoadShedder refuses nothing while the instance drains", () => {
  const { shedder, lifecycle, lagFor, startedAgo } = createShedder();
  lagFor(60_000, 200);
  lifecycle.inFlight = 2_000;
  lifecycle.state = { kind: "draining", sinceMs: 0 };
  assert.equal(shedder.refuse(startedAgo(10_000)), undefined);
});

Deno.test("LoadShedder takes a maximum below the default minimum as the minimum too", () => {
  const { shedder, lagFor } = createShedder({ maxInFlight: 8 });
  lagFor(3_000, 100);
  assert.equal(shedder.limit, 8);
});

Deno.test("LoadShedder refuses options that cannot hold", () => {
  for (
    const options of [
      { intervalMs: 0 },
      { targetLagMs: -1 },
      { minInFlight: NaN },
      { maxInFlight: 0 },
      { highWaterMs: 0 },
      { maxQueueAgeMs: 0 },
    ]
  ) assert.throws(() => createShedder(options), RangeError, JSON.stringify(options));
});

Deno.test("requestAgeMs() reads what fronts write, and nothing else", () => {
  const now = 1_700_000_000_500;
  const cases: [value: string, ageMs: number | undefined][] = [
    ["t=1700000000.123", 377], // nginx: seconds with milliseconds
    ["t=1700000000123", 377], // Caddy: milliseconds
    ["t=1700000000123000", 377], // microseconds
    ["1700000000.123", 377], // without the prefix
    ["t=1700000000.500", 0],
    ["t=1700000000.501", undefined], // the future: clocks differ
    ["t=1699999940.500", 60_000],
    ["t=1699999940.499", undefined], // older than anything that still waits
    ["t=1e300", undefined],
    ["t=Infinity", undefined],
    ["t=NaN", undefined],
    ["t=-1700000000", undefined],
    ["t=0", undefined],
    ["t=", undefined],
    ["", undefined],
    ["now", undefined],
    ["t=1700000000.123, t=1700000000.1", undefined], // twice: somebody forged one of them
    ["9".repeat(10_000), undefined],
  ];
  for (const [value, ageMs] of cases) {
    const age = requestAgeMs(value, now);
    assert.equal(age === undefined ? age : Math.round(age), ageMs, value.slice(0, 40));
  }
});
