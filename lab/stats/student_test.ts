import assert from "node:assert/strict";
import { normalCdf, studentCdf, studentQuantile } from "./student.ts";

const near = (actual: number, expected: number, by: number) =>
  assert.ok(Math.abs(actual - expected) < by, `${actual} must be within ${by} of ${expected}`);

// NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2, column 0.975.
for (
  const [degrees, t] of [[1, 12.706], [2, 4.303], [4, 2.776], [9, 2.262], [29, 2.045], [
    100,
    1.984,
  ]] as const
) {
  Deno.test(`studentQuantile() gives the tabulated value at ${degrees} degrees of freedom`, () => {
    near(studentQuantile(0.975, degrees), t, 6e-4);
    near(studentQuantile(0.025, degrees), -t, 6e-4);
    near(studentCdf(studentQuantile(0.9, degrees), degrees), 0.9, 1e-9);
  });
}

// The same handbook, table 1.3.6.7.1.
for (
  const [z, p] of [[0, 0.5], [1, 0.84134], [1.96, 0.975], [3.09, 0.999], [-1, 0.15866]] as const
) {
  Deno.test(`normalCdf() gives the tabulated value at ${z}`, () => near(normalCdf(z), p, 1e-5));
}

Deno.test("studentQuantile() and studentCdf() refuse what they cannot mean", () => {
  assert.throws(() => studentQuantile(1, 3), /p must be between 0 and 1/);
  assert.throws(() => studentCdf(1, 0), /degrees of freedom must be positive/);
});
