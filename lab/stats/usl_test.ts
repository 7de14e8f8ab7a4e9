import assert from "node:assert/strict";
import fc from "fast-check";
import { createRandom } from "./random.ts";
import {
  fitUsl,
  spreadUsl,
  type UslFit,
  uslInterval,
  uslPeak,
  type UslPoint,
  uslSpeedup,
  uslThroughput,
} from "./usl.ts";

const points = (rows: readonly (readonly [number, number])[]): UslPoint[] =>
  rows.map(([n, throughput]) => ({ n, throughput }));
const near = (actual: number, expected: number, by: number) =>
  assert.ok(Math.abs(actual - expected) <= by, `${actual} must be within ${by} of ${expected}`);

// SPEC SDM91, in Gunther's book and in the R package `usl` (whose tests print these fitted values).
const SPEC_SDM91 = points([
  [1, 64.9],
  [18, 995.9],
  [36, 1652.4],
  [72, 1853.2],
  [108, 1828.9],
  [144, 1775.0],
  [216, 1702.2],
]);
// The ray tracer of the same book, chapter 5; the R package finds beta = 0 here.
const RAY_TRACER = points([
  [1, 20],
  [4, 78],
  [8, 130],
  [12, 170],
  [16, 190],
  [20, 200],
  [24, 210],
  [28, 230],
  [32, 260],
  [48, 280],
  [64, 310],
]);

Deno.test("fitUsl() reproduces the published fit of SPEC SDM91", () => {
  const fit = fitUsl(SPEC_SDM91);
  near(fit.lambda, 89.9952, 1e-3);
  near(fit.sigma, 0.0277285, 1e-6);
  near(fit.kappa, 0.0001044, 1e-7);
  near(uslPeak(fit), 96.5, 0.1);
  assert.deepEqual(
    SPEC_SDM91.map(({ n }) => Math.round(uslThroughput(fit, n))),
    [90, 1078, 1541, 1850, 1879, 1822, 1646],
  );
});

Deno.test("fitUsl() reproduces the published, constrained fit of the ray tracer", () => {
  const fit = fitUsl(RAY_TRACER);
  near(fit.lambda, 21.848843, 1e-4);
  near(fit.sigma, 0.057771, 1e-6);
  assert.equal(fit.kappa, 0);
  assert.equal(uslPeak(fit), Infinity);
});

Deno.test("fitUsl() refuses to explain better than linear scaling by negative contention", () => {
  // The figures of the document that we start from.
  const fit = fitUsl(points([[1, 150], [3, 450], [5, 700]]));
  assert.ok(fit.sigma >= 0 && fit.kappa >= 0);
  assert.ok(uslSpeedup(fit, 5) <= 5);
});

Deno.test("fitUsl() finds the parameters of exact data", () => {
  const parameters = fc.record({
    lambda: fc.double({ min: 1, max: 1e5, noNaN: true }),
    sigma: fc.double({ min: 0, max: 0.5, noNaN: true }),
    kappa: fc.double({ min: 0, max: 0.05, noNaN: true }),
  }, { noNullPrototype: true });
  fc.assert(fc.property(parameters, (truth) => {
    const fit = fitUsl([1, 2, 3, 4, 5, 6].map((n) => ({ n, throughput: uslThroughput(truth, n) })));
    near(fit.lambda / truth.lambda, 1, 1e-4);
    near(fit.sigma, truth.sigma, 1e-4);
    near(fit.kappa, truth.kappa, 1e-4);
  }));
});

/** How often the intervals contain the truth, with `noise` as standard deviation of a trial over its mean. */
function coverage(
  { truth, trials, noise }: { truth: UslFit; trials: number; noise: number },
): { speedUp: number; sigma: number; kappa: number } {
  const random = createRandom(7);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const inside = { speedUp: 0, sigma: 0, kappa: 0 };
  const repeats = 400;
  for (let i = 0; i < repeats; i++) {
    const spread = spreadUsl([1, 2, 3, 4, 5, 6].flatMap((n) =>
      Array.from(
        { length: trials },
        () => ({ n, throughput: uslThroughput(truth, n) * (1 + noise * normal()) }),
      )
    ));
    assert.ok(spread);
    const covers = (value: (fit: UslFit) => number) => {
      const { low, high } = uslInterval(spread, value);
      return low <= value(truth) && value(truth) <= high ? 1 : 0;
    };
    inside.speedUp += covers((fit) => uslSpeedup(fit, 5));
    inside.sigma += covers(({ sigma }) => sigma);
    inside.kappa += covers(({ kappa }) => kappa);
  }
  return {
    speedUp: inside.speedUp / repeats,
    sigma: inside.sigma / repeats,
    kappa: inside.kappa / repeats,
  };
}

const TRUTHS: readonly [name: string, truth: UslFit][] = [
  // Where a system without contention is: sigma nearly and kappa exactly at the bound.
  ["at the bound", { lambda: 80, sigma: 0.002, kappa: 0 }],
  ["away from the bound", { lambda: 100, sigma: 0.03, kappa: 0.002 }],
];
for (const [name, truth] of TRUTHS) {
  for (const trials of [3, 8]) {
    for (const noise of [0.005, 0.03]) {
      Deno.test(`uslInterval() covers 95 % ${name}, ${trials} trials, noise ${noise}`, () => {
        // Three standard errors of 400 repeats are 3.3 %. Nothing bounds it from above: a cut interval that includes its
        // bound covers more.
        for (const [what, seen] of Object.entries(coverage({ truth, trials, noise }))) {
          assert.ok(seen > 0.917, `coverage of ${what} was ${seen}`);
        }
      });
    }
  }
}

Deno.test("uslInterval() makes an upper bound of a parameter at its bound, and contains the estimate", () => {
  // Better than linear: the free fit has a negative sigma.
  const spread = spreadUsl(
    [1, 2, 3, 4, 5, 6].flatMap((n) =>
      [0.999, 1, 1.001].map((noise) => ({
        n,
        throughput: 100 * n * (1 + 0.001 * n) * noise,
      }))
    ),
  );
  assert.ok(spread);
  assert.equal(spread.fit.sigma, 0);
  assert.ok(spread.free.sigma < 0);
  const { low, high } = uslInterval(spread, ({ sigma }) => sigma);
  assert.equal(low, 0);
  assert.ok(high >= 0 && high < 0.01);
});

Deno.test("spreadUsl() is null when a level has a single trial", () => {
  assert.equal(spreadUsl(points([[1, 1], [1, 1.1], [2, 2], [2, 2.1], [3, 3]])), null);
});

Deno.test("fitUsl() refuses too few levels and values that are not positive", () => {
  assert.throws(() => fitUsl(points([[1, 1], [2, 2]])), /three or more levels/);
  assert.throws(() => fitUsl(points([[1, 1], [2, 2], [3, 0]])), /positive/);
});
