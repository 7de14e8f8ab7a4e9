import assert from "node:assert/strict";
import fc from "fast-check";
import { faultListSchema, faultSchema, sampleLatencyMs } from "./fault.ts";

/** A generator of Lehmer: good enough to draw from, the same every time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = state * 48_271 % 2_147_483_647) / 2_147_483_647;
}

Deno.test("faultSchema fills in: every request, whatever the route and method", () => {
  assert.deepEqual(faultSchema.parse({ effect: { kind: "hang" } }), {
    route: "*",
    share: { percent: 100 },
    effect: { kind: "hang" },
  });
  assert.deepEqual(faultSchema.parse({ effect: { kind: "error" } }).effect, {
    kind: "error",
    status: 500,
  });
});

Deno.test("faultSchema refuses what it does not know", () => {
  const hang = { kind: "hang" };
  const bad: unknown[] = [
    {},
    { effect: { kind: "explode" } },
    { effect: { kind: "error", status: 200 } },
    { effect: { kind: "error", status: 600 } },
    { effect: { kind: "hang", ms: 5 } },
    { effect: { kind: "latency" } },
    { effect: { kind: "latency", distribution: { kind: "fixed", ms: -1 } } },
    { effect: { kind: "latency", distribution: { kind: "fixed", ms: 600_001 } } },
    { effect: { kind: "latency", distribution: { kind: "uniform", minMs: 2, maxMs: 1 } } },
    { effect: { kind: "latency", distribution: { kind: "lognormal", medianMs: 5, sigma: -1 } } },
    { effect: hang, share: { percent: 101 } },
    { effect: hang, share: { every: 0 } },
    { effect: hang, share: { every: 2, percent: 5 } },
    { effect: hang, share: {} },
    { effect: hang, route: "orders" },
    { effect: hang, route: "/orders*" },
    { effect: hang, route: "/a/*/b" },
    { effect: hang, method: "get" },
    { effect: hang, rate: 5 },
  ];
  for (const fault of bad) {
    assert.equal(faultSchema.safeParse(fault).success, false, JSON.stringify(fault));
  }
  const faults = Array(21).fill({ effect: hang });
  assert.equal(faultListSchema.safeParse({ faults }).success, false);
});

Deno.test("sampleLatencyMs() stays inside the bounds of its distribution", () => {
  fc.assert(fc.property(
    fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    (u, v) => {
      const draws = [u, v];
      const random = () => draws.pop() ?? 0;
      assert.equal(sampleLatencyMs({ kind: "fixed", ms: 7 }, random), 7);
      const uniform = sampleLatencyMs({ kind: "uniform", minMs: 3, maxMs: 9 }, random);
      assert.ok(uniform >= 3 && uniform <= 9);
      const distribution = { kind: "lognormal", medianMs: 10, sigma: 2, maxMs: 100 } as const;
      const lognormal = sampleLatencyMs(distribution, random);
      assert.ok(lognormal >= 0 && lognormal <= 100);
    },
  ));
});

Deno.test("sampleLatencyMs() draws a lognormal with the median and spread that it was told", () => {
  const random = seeded(42);
  const distribution = { kind: "lognormal", medianMs: 50, sigma: 0.5, maxMs: 60_000 } as const;
  const samples = Array.from({ length: 20_000 }, () => sampleLatencyMs(distribution, random));
  const logs = samples.map(Math.log);
  const mean = logs.reduce((sum, x) => sum + x, 0) / logs.length;
  const deviation = Math.sqrt(logs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / logs.length);
  // Standard errors are 0.0035 and 0.0025: four of them.
  assert.ok(Math.abs(mean - Math.log(50)) < 0.014, `${mean}`);
  assert.ok(Math.abs(deviation - 0.5) < 0.01, `${deviation}`);
});
