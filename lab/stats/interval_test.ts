import assert from "node:assert/strict";
import { meanInterval, ratioInterval } from "./interval.ts";
import { createRandom, type Random } from "./random.ts";

/** A standard normal deviate (Box and Muller). */
const normal = (random: Random) =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** How often the interval of `n` draws contains `truth`. */
function coverage(
  { n, repeats, draw, truth }: {
    n: number;
    repeats: number;
    draw: (random: Random) => number;
    truth: number;
  },
): number {
  const random = createRandom(20_261_123);
  let inside = 0;
  for (let i = 0; i < repeats; i++) {
    const values = Array.from({ length: n }, () => draw(random));
    const { low, high } = meanInterval(values, { random, resamples: 500 });
    if (low !== null && high !== null && low <= truth && truth <= high) inside++;
  }
  return inside / repeats;
}

for (const n of [2, 3, 5, 8, 10, 20]) {
  Deno.test(`meanInterval() covers the true mean of ${n} normal trials 95 % of the time`, () => {
    const seen = coverage({ n, repeats: 1_000, draw: (r) => 10 + normal(r), truth: 10 });
    // Three standard errors of 1,000 repeats are 2 %.
    assert.ok(seen > 0.925 && seen < 0.985, `coverage was ${seen}`);
  });
}

// Log-normal, like tail latencies over trials. Student's t knows no skewness, so the bounds are what it really does,
// less three standard errors of 2,000 repeats (1.5 %): the figures to remember when an interval of 3 or 5 trials is read.
const SKEWED: readonly [n: number, sigma: number, least: number][] = [
  [3, 0.25, 0.93],
  [5, 0.25, 0.93],
  [10, 0.25, 0.92],
  [3, 0.5, 0.91],
  [5, 0.5, 0.9],
  [10, 0.5, 0.9],
  [3, 1, 0.84],
  [5, 1, 0.8],
];
for (const [n, sigma, least] of SKEWED) {
  Deno.test(`meanInterval() covers the mean of ${n} trials with log-normal sigma ${sigma} in ${least} or more`, () => {
    const seen = coverage({
      ...{ n, repeats: 2_000, truth: Math.exp(sigma ** 2 / 2) },
      draw: (r) => Math.exp(sigma * normal(r)),
    });
    assert.ok(seen > least, `coverage was ${seen}`);
  });
}

for (const n of [3, 5]) {
  Deno.test(`ratioInterval() covers the ratio of ${n} skewed pairs 95 % of the time`, () => {
    const random = createRandom(20_261_123);
    const draw = () => Math.exp(0.5 * normal(random));
    let inside = 0;
    for (let i = 0; i < 2_000; i++) {
      const denominators = Array.from({ length: n }, draw);
      const numerators = denominators.map((value) => 3 * value * draw());
      const { low, high } = ratioInterval({ numerators, denominators });
      if (low !== null && high !== null && low <= 3 && 3 <= high) inside++;
    }
    const seen = inside / 2_000;
    assert.ok(seen > 0.935 && seen < 0.965, `coverage was ${seen}`);
  });
}

Deno.test("meanInterval() has no interval from one trial and never a negative end for latencies", () => {
  const single = meanInterval([5]);
  assert.deepEqual([single.estimate, single.low, single.high, single.n], [5, null, null, 1]);
  assert.equal(meanInterval([1, 9]).low, 0);
  assert.ok((meanInterval([-1, 9]).low ?? 0) < -1);
});

Deno.test("meanInterval() gives the same interval again from the same trials", () => {
  const values = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  assert.deepEqual(meanInterval(values), meanInterval(values));
});

Deno.test("ratioInterval() is the geometric mean of paired ratios", () => {
  const ratio = ratioInterval({ numerators: [10, 40, 90], denominators: [5, 10, 30] });
  assert.ok(Math.abs(ratio.estimate - (2 * 4 * 3) ** (1 / 3)) < 1e-12);
  assert.ok((ratio.low ?? 0) < ratio.estimate && ratio.estimate < (ratio.high ?? 0));
});

Deno.test("ratioInterval() is not widened by what both sides of a pair share", () => {
  const weather = [1, 5, 2, 9, 4];
  const ratio = ratioInterval({
    numerators: weather.map((w, i) => w * (3 + 0.01 * i)),
    denominators: weather,
  });
  assert.ok((ratio.low ?? 0) > 2.9 && (ratio.high ?? 9) < 3.1);
});

Deno.test("ratioInterval() may reach below 1 when every pair was above", () => {
  assert.ok((ratioInterval({ numerators: [1.1, 4], denominators: [1, 1] }).low ?? 1) < 1);
});

Deno.test("ratioInterval() refuses what has no ratio", () => {
  assert.throws(() => ratioInterval({ numerators: [1, 2], denominators: [1] }), /as many/);
  assert.throws(() => ratioInterval({ numerators: [0], denominators: [1] }), /positive/);
  assert.throws(() => ratioInterval({ numerators: [1], denominators: [0] }), /positive/);
});
