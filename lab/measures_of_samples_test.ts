import assert from "node:assert/strict";
import type { Sample } from "./load/sample.ts";
import { failureReasons, failures, latencyMs, meanLatencyMs } from "./measures_of_samples.ts";

const sample = (latencyMs: number, rest: Partial<Sample> = {}): Sample => ({
  ...{ intendedMs: 0, lateMs: 0, latencyMs, status: 200, error: null, instance: null, target: 0 },
  ...{ reused: true, retries: 0, retryAfterS: null },
  ...rest,
});
const refused = sample(0.1, { status: 0, error: "refused" });
const gaveUp = sample(10_000, { status: 0, error: "timeout" });
const shed = sample(3, { status: 503 });

Deno.test("latencyMs() and meanLatencyMs() are of answered requests: failing fast or late moves neither", () => {
  const samples = [sample(1), sample(2), shed, refused, refused, gaveUp];
  assert.equal(latencyMs(samples, 0.5), 2);
  assert.equal(latencyMs(samples, 1), 3);
  assert.equal(meanLatencyMs(samples), 2);
  assert.ok(Number.isNaN(latencyMs([refused], 0.5)));
});

Deno.test("failures() and failureReasons() count what percentiles leave out, and refusals by status", () => {
  const samples = [sample(1), shed, refused, refused, gaveUp];
  assert.equal(failures(samples), 4);
  assert.equal(failureReasons(samples), "refused: 2, 503: 1, timeout: 1");
  assert.equal(failureReasons([sample(1)]), "");
});
