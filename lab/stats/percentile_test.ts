import assert from "node:assert/strict";
import fc from "fast-check";
import { mean, median, percentile, percentiles } from "./percentile.ts";

// quantile(1:10, p, type = 7) of R.
for (const [p, expected] of [[0, 1], [0.25, 3.25], [0.5, 5.5], [0.9, 9.1], [1, 10]] as const) {
  Deno.test(`percentile() gives R's type 7 at ${p}`, () => {
    assert.ok(Math.abs(percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], p) - expected) < 1e-12);
  });
}

Deno.test("percentile() grows with p and stays within the values", () => {
  const values = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 });
  const p = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(fc.property(values, p, p, (all, one, other) => {
    const [low = NaN, high = NaN] = percentiles(all, [one, other].sort((a, b) => a - b));
    assert.ok(low <= high + 1e-9);
    assert.ok(Math.min(...all) <= low && high <= Math.max(...all) + 1e-9);
  }));
});

Deno.test("percentile() of nothing is NaN, of a p outside 0 to 1 an error", () => {
  assert.ok(Number.isNaN(percentile([], 0.5)));
  assert.throws(() => percentile([1], 1.1), /p must be 0 to 1, received "1.1"/);
  assert.throws(() => percentile([1], NaN), RangeError);
});

Deno.test("median() and mean() of an even number of values", () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(mean([4, 1, 3, 2]), 2.5);
});
