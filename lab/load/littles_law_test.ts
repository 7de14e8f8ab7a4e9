import assert from "node:assert/strict";
import { brokenLaw } from "./littles_law.ts";

const loop = { mode: "closed", connections: 10, durationSeconds: 1 } as const;
const result = { requests: 1_000, errors: {}, meanLatencyMs: 10, totalSeconds: 1.01 };

Deno.test("brokenLaw() says nothing of a closed loop whose clients always wait", () => {
  assert.equal(brokenLaw(result, loop), null);
  assert.equal(brokenLaw({ ...result, requests: 960 }, loop), null);
});

Deno.test("brokenLaw() names a generator that makes its clients wait", () => {
  assert.match(
    brokenLaw({ ...result, requests: 800 }, loop) ?? "",
    /^rate x latency is 20.0 % fewer than its 10 clients \(Little's law\): the generator made them wait$/,
  );
  assert.match(
    brokenLaw({ ...result, meanLatencyMs: 12 }, loop) ?? "",
    /% more than its 10 clients/,
  );
});

Deno.test("brokenLaw() says nothing of open loops, and of runs whose errors have no latency", () => {
  const few = { ...result, requests: 100 };
  assert.equal(brokenLaw(few, { ...loop, mode: "open" }), null);
  assert.equal(brokenLaw({ ...few, errors: { timeout: 3 } }, loop), null);
  assert.equal(brokenLaw({ ...few, meanLatencyMs: null }, loop), null);
});
