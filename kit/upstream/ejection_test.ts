import assert from "node:assert/strict";
import fc from "fast-check";
import type { Endpoint } from "./balancer.ts";
import { Ejector } from "./ejection.ts";

function pool(size: number): Endpoint[] {
  return Array.from({ length: size }, (_, i) => ({
    origin: `http://${i}`,
    inFlight: 0,
    silentSinceMs: 0,
    consecutiveFailures: 0,
    ejections: 0,
    ejectedUntilMs: 0,
    passOver: 0,
  }));
}

Deno.test("Ejector ejects at the fifth failure in a row; a success between starts the count anew", () => {
  const ejector = new Ejector();
  const all = pool(2);
  const [a] = all;
  assert.ok(a);
  for (let i = 0; i < 4; i++) assert.equal(ejector.failed(a, all, 0), false);
  ejector.succeeded(a);
  for (let i = 0; i < 4; i++) assert.equal(ejector.failed(a, all, 0), false);
  assert.equal(ejector.failed(a, all, 0), true);
  assert.equal(a.ejectedUntilMs, 5_000);
  assert.equal(ejector.failed(a, all, 1), false, "it is out already");
});

Deno.test("Ejector has a replica passed over by five requests for each failure in a row", () => {
  const ejector = new Ejector();
  const all = pool(2);
  const [a] = all;
  assert.ok(a);
  ejector.failed(a, all, 0);
  assert.equal(a.passOver, 5);
  ejector.failed(a, all, 0);
  assert.equal(a.passOver, 10);
  for (let i = 0; i < 50; i++) ejector.failed(a, all, 0);
  assert.equal(
    a.passOver,
    25,
    "a hundred that break off together are no hundred failures in a row",
  );
  ejector.succeeded(a);
  ejector.failed(a, all, 0);
  assert.equal(a.passOver, 5);
});

Deno.test("Ejector ejects for longer each time, at once when a replica comes back and fails", () => {
  const ejector = new Ejector();
  const all = pool(2);
  const [a] = all;
  assert.ok(a);
  for (let i = 0; i < 5; i++) ejector.failed(a, all, 0);
  const times = [];
  for (let i = 0; i < 13; i++) {
    const nowMs: number = a.ejectedUntilMs;
    assert.equal(ejector.failed(a, all, nowMs), true);
    times.push((a.ejectedUntilMs - nowMs) / 1000);
  }
  assert.deepEqual(times, [10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 60, 60]);
});

Deno.test("Ejector ejects a replica that flaps for longer each time, and forgets while it stays in", () => {
  const ejector = new Ejector();
  const all = pool(2);
  const [a] = all;
  assert.ok(a);
  let nowMs = 0;
  /** Fails five times after having been in, and answering well, for so long. */
  function ejectAfter(inMs: number): number {
    nowMs = a?.ejectedUntilMs ?? 0;
    ejector.succeeded(a as Endpoint);
    nowMs += inMs;
    for (let i = 0; i < 5; i++) ejector.failed(a as Endpoint, all, nowMs);
    return (a as Endpoint).ejectedUntilMs - nowMs;
  }
  assert.deepEqual([0, 1_000, 1_000, 29_999].map(ejectAfter), [5_000, 10_000, 15_000, 20_000]);
  // Four earlier ones: one is forgotten after 30 s, three after 90 s, all after a long time.
  assert.equal(ejectAfter(30_000), 20_000);
  assert.equal(ejectAfter(90_000), 10_000);
  assert.equal(ejectAfter(1e6), 5_000);
});

for (const [size, most] of [[1, 0], [2, 1], [3, 2], [4, 2], [6, 4], [100, 67]] as const) {
  Deno.test(`Ejector leaves ${size - most} of ${size} in, however many fail`, () => {
    const ejector = new Ejector();
    const all = pool(size);
    for (let i = 0; i < 10; i++) for (const endpoint of all) ejector.failed(endpoint, all, 0);
    assert.equal(all.filter(({ ejectedUntilMs }) => ejectedUntilMs > 0).length, most);
  });
}

Deno.test("Ejector never ejects more than 67 % of a pool", () => {
  const steps = fc.array(
    fc.record({ endpoint: fc.nat(8), well: fc.boolean(), waitMs: fc.nat(3_000) }),
    { maxLength: 300 },
  );
  fc.assert(fc.property(fc.integer({ min: 1, max: 9 }), steps, (size, steps) => {
    const ejector = new Ejector({ consecutiveFailures: 2 });
    const all = pool(size);
    let nowMs = 0;
    for (const { endpoint, well, waitMs } of steps) {
      nowMs += waitMs;
      const chosen = all[endpoint % size];
      assert.ok(chosen);
      if (well) ejector.succeeded(chosen);
      else ejector.failed(chosen, all, nowMs);
      const out = all.filter(({ ejectedUntilMs }) => ejectedUntilMs > nowMs).length;
      assert.ok(out <= 0.67 * size, `${out} of ${size}`);
    }
  }));
});

for (
  const options of [
    { consecutiveFailures: 0 },
    { ejectMs: 0 },
    { forgetMs: 0 },
    { ejectMs: 10, maxEjectMs: 9 },
    { maxShare: 1.1 },
  ]
) {
  Deno.test(`Ejector refuses ${JSON.stringify(options)}`, () => {
    assert.throws(() => new Ejector(options), { name: "RangeError" });
  });
}
