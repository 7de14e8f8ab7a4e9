import assert from "node:assert/strict";
import { judgeOha, ohaArgs, parseOha } from "./oha.ts";

const printed = (statuses: Record<string, number>, errors: Record<string, number> = {}) =>
  JSON.stringify({
    summary: { successRate: 1, total: 2, average: 0.02 },
    latencyPercentiles: { p50: 0.005, p99: 0.25 },
    statusCodeDistribution: statuses,
    errorDistribution: errors,
  });

Deno.test("parseOha() counts goodput from status codes, not from oha's success rate", () => {
  const result = parseOha(printed({ "200": 300, "503": 100 }), 400);
  assert.equal(result.good, 300);
  assert.equal(result.goodputPerSecond, 150);
  assert.deepEqual(result.latencyMs, { p50: 5, p99: 250 });
  assert.equal(result.meanLatencyMs, 20);
});

Deno.test("parseOha() counts errors as requests", () => {
  assert.equal(parseOha(printed({ "200": 3 }, { timeout: 2 }), 5).requests, 5);
});

Deno.test("parseOha() refuses a run whose counts do not add up", () => {
  assert.throws(() => parseOha(printed({ "200": 399 }), 400), /must be the 400 .* received "399"/);
});

Deno.test("ohaArgs() fixes the number of requests of an open loop and corrects latency", () => {
  const args = ohaArgs({ url: "http://x/", mode: "open", ratePerSecond: 200, durationSeconds: 3 });
  assert.equal(args[args.indexOf("-n") + 1], "600");
  assert.equal(args[args.indexOf("-q") + 1], "200");
  assert.ok(args.includes("--latency-correction"));
  assert.ok(!args.includes("-z"));
});

Deno.test("ohaArgs() lets a closed loop finish what is in flight", () => {
  const args = ohaArgs({ url: "http://x/", mode: "closed", durationSeconds: 3, connections: 8 });
  assert.equal(args[args.indexOf("-z") + 1], "3s");
  assert.ok(args.includes("-w"));
});

Deno.test("ohaArgs() refuses a rate in a closed loop and its absence in an open one", () => {
  const base = { url: "http://x/", durationSeconds: 1 };
  assert.throws(() => ohaArgs({ ...base, mode: "open" }), /open loops only/);
  assert.throws(() => ohaArgs({ ...base, mode: "closed", ratePerSecond: 1 }), /open loops only/);
});

Deno.test("judgeOha() finds oha itself the limit by its CPU, or by late sends with free connections", () => {
  const sent = (lateMs: number) =>
    Array.from({ length: 100 }, (_, i) => ({
      ...{ intendedMs: 10 * i, sentMs: 10 * i + lateMs, endedMs: 10 * i + lateMs + 15 },
    }));
  const idle = { cpuCores: 0.1, cores: 2, connections: 200 };
  assert.equal(judgeOha(sent(1), idle).bottleneck, false);
  assert.equal(judgeOha([], { ...idle, cpuCores: 1.7 }).bottleneck, true);
  const late = judgeOha(sent(25), idle);
  assert.deepEqual([late.lateP99Ms, late.lateMaxMs, late.bottleneck], [25, 25, true]);
  // Two connections, both busy: the requests wait for the service.
  assert.equal(judgeOha(sent(25), { ...idle, connections: 2 }).bottleneck, false);
  const errors = ["Too many open files (os error 24)"];
  assert.equal(judgeOha([], { ...idle, errors }).bottleneck, true);
  assert.equal(judgeOha([], { ...idle, errors: ["deadline has elapsed"] }).bottleneck, false);
  assert.equal(judgeOha([], idle).lateP99Ms, null); // closed loops have no schedule
});
