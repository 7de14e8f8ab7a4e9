import assert from "node:assert/strict";
import { binomialRange } from "./binomial.ts";
import { createRandom } from "./random.ts";

// Published acceptance regions of the sign test (p = 1/2, two-sided 5 %): W. Conover, Practical Nonparametric
// Statistics, table A3: 1 of 10 and fewer lie in the lower tail, 5 of 20 and fewer.
for (
  const [tries, probability, level, low, high] of [
    [10, 0.5, 0.95, 2, 8],
    [20, 0.5, 0.95, 6, 14],
    [1, 0.5, 0.95, 0, 1],
    [0, 0.5, 0.95, 0, 0],
    // Nothing is as likely as this: 0.999^10 = 0.990.
    [10, 0.001, 0.95, 0, 0],
  ] as const
) {
  Deno.test(`binomialRange() of ${tries} tries at ${probability} is ${low} to ${high}`, () => {
    assert.deepEqual(binomialRange(tries, probability, level), { low, high });
  });
}

Deno.test("binomialRange() holds what chance gives, and is no wider than it must be", () => {
  const { low, high } = binomialRange(100, 1 / 3, 0.99);
  const random = createRandom(3);
  const runs = 20_000;
  let [outside, justInside] = [0, 0];
  for (let i = 0; i < runs; i++) {
    let count = 0;
    for (let j = 0; j < 100; j++) if (random() < 1 / 3) count++;
    if (count < low || count > high) outside++;
    if (count === low || count === high) justInside++;
  }
  assert.ok(outside / runs <= 0.011, `${outside}`);
  assert.ok((outside + justInside) / runs > 0.01, `${outside} ${justInside}`);
});

Deno.test("binomialRange() stands many tries", () => {
  const { low, high } = binomialRange(1_000_000, 0.5, 0.95);
  // 1.96 standard deviations of 500.
  assert.ok(Math.abs(low - 499_020) <= 2 && Math.abs(high - 500_980) <= 2, `${low} ${high}`);
});

for (
  const [tries, probability, level] of [[-1, 0.5, 0.9], [1.5, 0.5, 0.9], [1, 0, 0.9], [1, 1, 0.9], [
    1,
    0.5,
    1,
  ]]
) {
  Deno.test(`binomialRange() refuses ${tries}, ${probability}, ${level}`, () => {
    assert.throws(() => binomialRange(tries ?? 0, probability ?? 0, level ?? 0), RangeError);
  });
}
