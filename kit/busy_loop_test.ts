import assert from "node:assert/strict";
import process from "node:process";
import { busyCpu, busyRounds, busyWork } from "./busy_loop.ts";

Deno.test("busyWork() holds its thread for a time, or until its rounds are done", () => {
  const start = performance.now();
  assert.ok(busyWork({ ms: 20 }).durationMs >= 20);
  assert.ok(performance.now() - start >= 20);
  // A minute was only expected: rounds end when they are done.
  assert.ok(busyWork({ ms: 60_000, rounds: 1_000 }).durationMs < 1_000);
});

Deno.test("busyRounds() takes ten times as long for ten times the work", () => {
  busyRounds(1_000_000); // compiled from here on
  const best = (rounds: number) =>
    Math.min(...Array.from({ length: 5 }, () => busyRounds(rounds).durationMs));
  const ratio = best(5_000_000) / best(500_000);
  assert.ok(ratio > 5 && ratio < 20, `${ratio}`);
});

Deno.test("busyCpu() ends when its CPU time is used, which takes at least as long", () => {
  const before = process.cpuUsage();
  const { durationMs } = busyCpu(30);
  const { user, system } = process.cpuUsage(before);
  const usedMs = (user + system) / 1e3;
  assert.ok(usedMs >= 30 && usedMs < 60, `${usedMs}`);
  // All threads count, so two processors may do it in half of the time.
  assert.ok(durationMs >= 15, `${durationMs}`);
});
