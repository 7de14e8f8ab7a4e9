import assert from "node:assert/strict";
import fc from "fast-check";
import { jainFairness } from "./fairness.ts";

const near = (actual: number, expected: number, by: number) =>
  assert.ok(Math.abs(actual - expected) <= by, `${actual} must be within ${by} of ${expected}`);

Deno.test("jainFairness() is 1 for equal shares, k/n when k of n share alike, whatever the scale", () => {
  assert.equal(jainFairness([7, 7, 7]), 1);
  near(jainFairness([1, 1, 0, 0, 0, 0, 0, 0, 0, 0]), 0.2, 1e-12); // Jain's own example: 20 % of users
  const shares = fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 20 });
  fc.assert(fc.property(shares, (xs) => {
    near(jainFairness(xs), jainFairness(xs.map((x) => 3 * x)), 1e-9);
    assert.ok(jainFairness(xs) <= 1 + 1e-9 && jainFairness(xs) >= 1 / xs.length - 1e-9);
  }));
});
