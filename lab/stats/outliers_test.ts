import assert from "node:assert/strict";
import { modifiedZScores } from "./outliers.ts";

const near = (actual: number, expected: number, by: number) =>
  assert.ok(Math.abs(actual - expected) <= by, `${actual} must be within ${by} of ${expected}`);

Deno.test("modifiedZScores() finds the one that does not belong", () => {
  const scores = modifiedZScores([10, 12, 12, 13, 12, 11, 14, 300]);
  near(scores[7] ?? 0, 194.256, 1e-9);
  assert.equal(scores.filter((score) => Math.abs(score) > 3.5).length, 1);
  assert.deepEqual(modifiedZScores([5, 5, 5, 9]), [0, 0, 0, 0]);
});
