/**
 * Intervals over trials. Requests of one trial share its weather, so they are no independent observations; trials are.
 *
 * Eight trials or more: expanded percentile bootstrap, with the levels widened so that the width is that of Student's t
 * (T. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69 (2015) 371-386, section 5:
 * plain percentile intervals are too narrow by sqrt((n - 1) / n) z / t). Fewer: Student's t itself, because resampling a
 * handful of values cannot reach beyond them.
 *
 * @module
 */
import type { Interval } from "../measures.ts";
import { mean, percentileOfSorted } from "./percentile.ts";
import { createRandom, type Random } from "./random.ts";
import { normalCdf, studentQuantile } from "./student.ts";

/** From this many trials on, resampling is used. */
export const BOOTSTRAP_FROM = 8;

/** Options of {@linkcode meanInterval} and {@linkcode ratioInterval}. */
export interface IntervalOptions {
  /** Nominal coverage. @default 0.95 */
  level?: number;
  /** @default a generator with a fixed seed, so that a report regenerates identically */
  random?: Random;
  /** Resamples of the bootstrap. @default 4000 */
  resamples?: number;
}

/** The mean of what each trial gave, with its interval. Values that are never negative keep a low end of at least 0. */
export function meanInterval(values: readonly number[], options: IntervalOptions = {}): Interval {
  const interval = meanOf(values, options);
  if (interval.low === null || values.some((value) => value < 0)) return interval;
  return { ...interval, low: Math.max(0, interval.low) };
}

/**
 * How many times larger `numerators` are than `denominators`, pair by pair (values of the same repetition, run close
 * together): the geometric mean of the ratios, its interval made on their logarithms.
 *
 * @throws when a value is not positive or the lengths differ
 */
export function ratioInterval(
  pairs: { numerators: readonly number[]; denominators: readonly number[] },
  options: IntervalOptions = {},
): Interval {
  const { numerators, denominators } = pairs;
  if (numerators.length !== denominators.length) {
    throw new RangeError(
      `Cannot pair trials: both sides must have as many, received "${numerators.length}" and "${denominators.length}"`,
    );
  }
  const logs = numerators.map((numerator, i) => {
    const ratio = numerator / (denominators[i] ?? NaN);
    if (!(ratio > 0 && ratio < Infinity)) {
      throw new RangeError(`Cannot take a ratio: values must be positive, received "${ratio}"`);
    }
    return Math.log(ratio);
  });
  const { estimate, low, high, ...rest } = meanOf(logs, options);
  return {
    ...rest,
    estimate: Math.exp(estimate),
    low: low === null ? null : Math.exp(low),
    high: high === null ? null : Math.exp(high),
    method: `paired ratios, ${rest.method} on logarithms`,
  };
}

function meanOf(values: readonly number[], options: IntervalOptions): Interval {
  const { level = 0.95, random = createRandom(1), resamples = 4000 } = options;
  const n = values.length;
  const estimate = n === 0 ? 0 : mean(values);
  if (n < 2) return { estimate, low: null, high: null, level, n, method: "single trial" };
  if (n < BOOTSTRAP_FROM) {
    const [low, high] = studentEnds(values, level);
    return { estimate, low, high, level, n, method: "Student's t" };
  }
  const [low, high] = bootstrapEnds(values, level, random, resamples);
  return { estimate, low, high, level, n, method: "expanded percentile bootstrap" };
}

function studentEnds(values: readonly number[], level: number): [number, number] {
  const n = values.length;
  const center = mean(values);
  const variance = values.reduce((sum, v) => sum + (v - center) ** 2, 0) / (n - 1);
  const half = studentQuantile(0.5 + level / 2, n - 1) * Math.sqrt(variance / n);
  return [center - half, center + half];
}

function bootstrapEnds(
  values: readonly number[],
  level: number,
  random: Random,
  resamples: number,
): [number, number] {
  const n = values.length;
  const means = new Float64Array(resamples).map(() => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[Math.floor(random() * n)] ?? 0;
    return sum / n;
  }).sort();
  const tail = normalCdf(-Math.sqrt(n / (n - 1)) * studentQuantile(0.5 + level / 2, n - 1));
  return [percentileOfSorted(means, tail), percentileOfSorted(means, 1 - tail)];
}
