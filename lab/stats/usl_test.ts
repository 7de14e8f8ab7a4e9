import assert from "node:assert/strict";
import fc from "fast-check";
import { createRandom } from "./random.ts";
import {
  bootstrapUsl,
  fitUsl,
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

Deno.test("bootstrapUsl() covers the true speed-up about 95 % of the time", () => {
  const truth = { lambda: 100, sigma: 0.03, kappa: 0.002 };
  const random = createRandom(7);
  const noise = () => 1 + 0.03 * (random() + random() + random() - 1.5) * 2;
  let inside = 0;
  const repeats = 150;
  for (let i = 0; i < repeats; i++) {
    const data = [1, 2, 3, 4, 5, 6].flatMap((n) =>
      Array.from({ length: 5 }, () => ({ n, throughput: uslThroughput(truth, n) * noise() }))
    );
    const fits = bootstrapUsl(data, { random, resamples: 200 });
    const { low, high } = uslInterval(fits, (fit) => uslSpeedup(fit, 5));
    if (low <= uslSpeedup(truth, 5) && uslSpeedup(truth, 5) <= high) inside++;
  }
  assert.ok(inside / repeats > 0.86, `coverage was ${inside / repeats}`);
});

Deno.test("fitUsl() refuses too few levels and values that are not positive", () => {
  assert.throws(() => fitUsl(points([[1, 1], [2, 2]])), /three or more levels/);
  assert.throws(() => fitUsl(points([[1, 1], [2, 2], [3, 0]])), /positive/);
});
