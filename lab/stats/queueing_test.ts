import assert from "node:assert/strict";
import {
  closedLoopGap,
  concurrencyCapacity,
  erlangC,
  littleConcurrency,
  mmcWaitMs,
} from "./queueing.ts";

const near = (actual: number, expected: number, by: number) =>
  assert.ok(Math.abs(actual - expected) <= by, `${actual} must be within ${by} of ${expected}`);

Deno.test("erlangC() and mmcWaitMs() give the County Hospital example of Hillier and Lieberman", () => {
  // Introduction to Operations Research, section 17.6: 2 patients an hour, 20 minutes each, two doctors.
  near(erlangC(2, 2 / 3), 1 / 6, 1e-12);
  const waitMs = mmcWaitMs({ servers: 2, ratePerSecond: 2 / 3600, serviceMs: 20 * 60_000 });
  near(waitMs / 60_000, 2.5, 1e-9); // 1/24 hour
  near(littleConcurrency(2 / 3600, waitMs), 1 / 12, 1e-12); // their Lq
});

Deno.test("erlangC() is rho for one server and about 0.10 for 10 servers at 6 erlangs", () => {
  near(erlangC(1, 0.7), 0.7, 1e-12);
  near(erlangC(10, 6), 0.1013, 1e-4);
});

Deno.test("erlangC() refuses an overloaded queue", () => {
  assert.throws(() => erlangC(2, 2), /load must be 0 to 2/);
  assert.throws(() => erlangC(0, 0), /servers must be a positive integer/);
});

Deno.test("closedLoopGap() is 0 where the clients always wait, also through the tail, and tells idle ones", () => {
  const loop = { clients: 10, durationSeconds: 1, totalSeconds: 1.2 };
  // Five rounds of 10 in the time, and a sixth that began in it.
  assert.equal(closedLoopGap({ ...loop, requests: 60, meanLatencyMs: 200 }), 0);
  assert.equal(closedLoopGap({ ...loop, requests: 50, meanLatencyMs: 200 }), 0);
  // A generator that needs as long for itself as it waits.
  near(closedLoopGap({ ...loop, requests: 50, meanLatencyMs: 100 }), -0.5, 1e-12);
  // More in flight than there are clients: a latency that counts what was before the send.
  near(closedLoopGap({ ...loop, requests: 60, meanLatencyMs: 300 }), 0.5, 1e-12);
});

Deno.test("concurrencyCapacity() is N K / S", () => {
  assert.equal(concurrencyCapacity({ replicas: 3, limit: 4, serviceMs: 50 }), 240);
});
