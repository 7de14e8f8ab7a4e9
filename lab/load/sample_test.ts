import assert from "node:assert/strict";
import fc from "fast-check";
import { samplesFileSchema } from "../results.ts";
import { FAILURES, fromColumns, isGood, type Sample, toColumns } from "./sample.ts";

const header = {
  label: "light",
  url: "http://x/",
  ratePerSecond: 200,
  connections: "fresh" as const,
  generator: {
    tool: "prober" as const,
    cpuCores: 0.1,
    lateP99Ms: 1,
    lateMaxMs: 2,
    bottleneck: false,
  },
  targets: ["http://x/"],
};
const ms = fc.integer({ min: 0, max: 10_000_000 }).map((us) => us / 1000);
const sample: fc.Arbitrary<Sample> = fc.record({
  intendedMs: ms,
  lateMs: ms,
  latencyMs: ms,
  status: fc.constantFrom(0, 200, 503),
  error: fc.option(fc.constantFrom(...FAILURES)),
  instance: fc.option(fc.constantFrom("a", "b", "c")),
  target: fc.nat(3),
  reused: fc.boolean(),
  retries: fc.nat(1),
  retryAfterS: fc.option(fc.nat(60)),
}, { noNullPrototype: true });

Deno.test("fromColumns() gives back what toColumns() took", () => {
  fc.assert(fc.property(fc.array(sample), (samples) => {
    const file = samplesFileSchema.parse(JSON.parse(JSON.stringify(toColumns(samples, header))));
    assert.deepEqual(
      fromColumns(file),
      samples.toSorted((a, b) => a.intendedMs - b.intendedMs),
    );
  }));
});

Deno.test("toColumns() moves samples onto the axis of the trial", () => {
  const [one] = fc.sample(sample, 1);
  assert.ok(one);
  const file = toColumns([{ ...one, intendedMs: 5 }], { ...header, offsetMs: 100 });
  assert.deepEqual(file.columns.intendedMs, [105]);
});

Deno.test("fromColumns() refuses columns of unequal length", () => {
  const file = toColumns(fc.sample(sample, 2), header);
  file.columns.status.pop();
  assert.throws(() => fromColumns(file), /equal length/);
});

Deno.test("isGood() wants a complete response of status 200 to 399", () => {
  const [one] = fc.sample(sample, 1);
  assert.ok(one);
  assert.equal(isGood({ ...one, error: null, status: 204 }), true);
  assert.equal(isGood({ ...one, error: null, status: 503 }), false);
  assert.equal(isGood({ ...one, error: "truncated", status: 200 }), false);
});
