import assert from "node:assert/strict";
import fc from "fast-check";
import {
  addedMeanMs,
  addedQuantileMs,
  delayedShare,
  delayedShareAbove,
} from "./blocked_replica.ts";
import { mean, percentile } from "./percentile.ts";

const near = (actual: number, expected: number, by: number) =>
  assert.ok(Math.abs(actual - expected) <= by, `${actual} must be within ${by} of ${expected}`);

/** Every N-th request meets the blocked replica and waits until the block ends. */
function roundRobin(
  run: { replicas: number; blockMs: number; runMs: number; ratePerSecond: number },
): number[] {
  const gapMs = 1000 / run.ratePerSecond;
  return Array.from({ length: Math.round(run.runMs / gapMs) }, (_, i) => {
    const at = i * gapMs - 1000;
    const hit = i % run.replicas === 0 && at >= 0 && at < run.blockMs;
    return hit ? run.blockMs - at : 0;
  });
}

Deno.test("the theory of a blocked replica gives the figures measured before", () => {
  const block = { replicas: 3, blockMs: 3_000, runMs: 6_000 };
  near(1_200 * delayedShareAbove(block, 100), 193.3, 0.1);
  near(addedMeanMs(block), 250, 1e-9);
  near(addedQuantileMs(block, 0.95), 2_100, 1e-6);
  near(addedQuantileMs(block, 0.99), 2_820, 1e-6);
  assert.equal(addedQuantileMs(block, 0.5), 0);
});

Deno.test("the theory of a blocked replica agrees with a simulation of round-robin", () => {
  const runs = fc.record({
    replicas: fc.integer({ min: 1, max: 5 }),
    blockMs: fc.integer({ min: 500, max: 3_000 }),
    runMs: fc.integer({ min: 5_000, max: 12_000 }),
  });
  fc.assert(fc.property(runs, (run) => {
    const latencies = roundRobin({ ...run, ratePerSecond: 500 });
    near(latencies.filter((ms) => ms > 0).length / latencies.length, delayedShare(run), 0.003);
    near(mean(latencies) / addedMeanMs(run), 1, 0.05);
    for (const p of [0.5, 0.95, 0.99]) {
      near(percentile(latencies, p), addedQuantileMs(run, p), 0.03 * run.blockMs + 20);
    }
  }));
});
