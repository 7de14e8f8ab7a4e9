import assert from "node:assert/strict";
import fc from "fast-check";
import { seeded } from "../../testing/seeded.ts";
import { FailureWindow } from "./failure_window.ts";

Deno.test("FailureWindow trips at the 20th failure of a service that always fails, not before", () => {
  const window = new FailureWindow();
  for (let call = 1; call < 20; call++) assert.equal(window.record(call, true), false, `${call}`);
  assert.equal(window.record(20, true), true);
});

Deno.test("FailureWindow trips at the 20th failure even after thousands of successes", () => {
  const window = new FailureWindow();
  for (let call = 0; call < 5_000; call++) window.record(call, false);
  for (let call = 1; call < 20; call++) assert.equal(window.record(5_000, true), false, `${call}`);
  assert.equal(window.record(5_000, true), true);
});

Deno.test("FailureWindow trips when every second call fails, but not at 45 %", () => {
  const half = new FailureWindow();
  const trips = Array.from({ length: 40 }, (_, call) => half.record(call, call % 2 === 0));
  assert.equal(trips.indexOf(true), 20); // the 11th failure of 21 calls
  const fewer = new FailureWindow();
  for (let call = 0; call < 2_000; call++) assert.equal(fewer.record(call, call % 20 > 10), false);
});

Deno.test("FailureWindow forgets calls that are older than the window", () => {
  const window = new FailureWindow({ windowMs: 10_000 });
  for (let call = 0; call < 19; call++) window.record(0, true);
  assert.equal(window.record(10_000, true), false, "19 are too old by now");
  for (let call = 0; call < 18; call++) assert.equal(window.record(10_000, true), false);
  assert.equal(window.record(10_000, true), true);
});

Deno.test("FailureWindow.reset() starts anew", () => {
  const window = new FailureWindow();
  for (let call = 0; call < 19; call++) window.record(0, true);
  window.reset();
  for (let call = 0; call < 19; call++) assert.equal(window.record(0, true), false);
  assert.equal(window.record(0, true), true);
});

Deno.test("FailureWindow judges as a list of all calls would", () => {
  const calls = fc.array(fc.record({ waitMs: fc.nat(2_000), failed: fc.boolean() }), {
    maxLength: 200,
  });
  fc.assert(fc.property(calls, fc.integer({ min: 1, max: 30 }), (calls, minCalls) => {
    const window = new FailureWindow({ minCalls });
    const all: { atMs: number; failed: boolean }[] = [];
    let nowMs = 0;
    for (const { waitMs, failed } of calls) {
      nowMs += waitMs;
      all.push({ atMs: nowMs, failed });
      const recent = all.slice(-2 * minCalls).filter(({ atMs }) => atMs > nowMs - 10_000);
      const failures = recent.filter(({ failed }) => failed).length;
      const expected = failed && recent.length >= minCalls && failures >= recent.length / 2;
      assert.equal(window.record(nowMs, failed), expected);
    }
  }));
});

for (
  const options of [
    { windowMs: 0 },
    { minCalls: 0 },
    { minCalls: 1.5 },
    { failureRatio: 0 },
    { failureRatio: 1.1 },
    { minCalls: 20, maxCalls: 19 },
    { windowMs: NaN },
  ]
) {
  Deno.test(`FailureWindow refuses ${JSON.stringify(options)}`, () => {
    assert.throws(() => new FailureWindow(options), { name: "RangeError" });
  });
}

for (const first of [true, false]) {
  const what = first ? "the first and then every second one" : "every second one";
  Deno.test(`FailureWindow trips at the 20th failed call of a busy service when ${what} fails`, () => {
    const window = busyAndWell();
    let failed = 0;
    for (let isFailure = first; failed < 19 || !isFailure; isFailure = !isFailure) {
      if (isFailure) failed++;
      assert.equal(window.record(0, isFailure), false, `${failed} failed`);
    }
    assert.equal(window.record(0, true), true);
  });
}

Deno.test("FailureWindow trips within 20 failed calls in 61 % of runs when calls fail half of the time at random", () => {
  const random = seeded(7);
  const failedBeforeTrip = Array.from({ length: 2_000 }, () => {
    const window = busyAndWell();
    let failed = 0;
    for (;;) {
      const isFailure = random() < 0.5;
      if (isFailure) failed++;
      if (window.record(0, isFailure)) return failed;
    }
  }).sort((a, b) => a - b);
  const within20 = failedBeforeTrip.filter((failed) => failed <= 20).length / 2_000;
  assert.ok(Math.abs(within20 - 0.61) < 0.04, `${within20}`);
  assert.ok(Math.abs((failedBeforeTrip[1_800] ?? 0) - 36) <= 3, `${failedBeforeTrip[1_800]}`);
});

Deno.test("FailureWindow trips within 600 calls in 35 % of runs when 30 % of calls fail", () => {
  const random = seeded(8);
  const tripped = Array.from({ length: 1_000 }, () => {
    const window = busyAndWell();
    return Array.from({ length: 600 }, () => window.record(0, random() < 0.3)).includes(true);
  }).filter(Boolean).length / 1_000;
  assert.ok(Math.abs(tripped - 0.35) < 0.06, `${tripped}`);
});

/** A window full of good calls. */
function busyAndWell(): FailureWindow {
  const window = new FailureWindow();
  for (let call = 0; call < 100; call++) window.record(0, false);
  return window;
}
