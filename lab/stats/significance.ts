/**
 * Whether two runs differ beyond noise, and what to believe when many measures are compared at once.
 *
 * @module
 */
import { mean } from "./percentile.ts";
import { studentCdf, studentQuantile } from "./student.ts";

/** How two sets of trials differ. */
export interface Difference {
  /** Mean of `b` minus mean of `a`. */
  estimate: number;
  low: number;
  high: number;
  /** Two-sided probability of a difference at least this large when there is none. */
  p: number;
}

/** Options of {@linkcode welch}. */
export interface WelchOptions {
  /** Coverage of the interval. @default 0.95 */
  level?: number;
  /** Least variance of a single value that is believed: a handful of equal ones does not show that none is left. @default 0 */
  leastVariance?: number;
}

/**
 * Welch's test for means of unequal variance (B. Welch, Biometrika 34 (1947) 28-35), with the interval that goes with it.
 *
 * @returns null with fewer than two values on a side
 */
export function welch(
  a: readonly number[],
  b: readonly number[],
  options: WelchOptions = {},
): Difference | null {
  const { level = 0.95, leastVariance = 0 } = options;
  if (a.length < 2 || b.length < 2) return null;
  const estimate = mean(b) - mean(a);
  const va = squaredError(a, leastVariance);
  const vb = squaredError(b, leastVariance);
  // Nothing varies: equal or certainly different.
  if (va + vb === 0) {
    return { estimate, low: estimate, high: estimate, p: estimate === 0 ? 1 : 0 };
  }
  const degrees = (va + vb) ** 2 / (va ** 2 / (a.length - 1) + vb ** 2 / (b.length - 1));
  const error = Math.sqrt(va + vb);
  const half = studentQuantile(0.5 + level / 2, degrees) * error;
  const p = 2 * studentCdf(-Math.abs(estimate) / error, degrees);
  return { estimate, low: estimate - half, high: estimate + half, p };
}

/** Squared standard error of the mean. */
function squaredError(values: readonly number[], leastVariance: number): number {
  const center = mean(values);
  const variance = values.reduce((sum, v) => sum + (v - center) ** 2, 0) / (values.length - 1);
  return Math.max(variance, leastVariance) / values.length;
}

/**
 * Whether counts of rare events differ, such as failed requests a trial: on 2 sqrt(x + 3/8), which makes the variance of a
 * Poisson count about 1 (F. Anscombe, Biometrika 35 (1948) 246-254). Chance alone gives that much, so less is not
 * believed; events that come in bursts give more, and that is. The interval is on the transformed scale.
 *
 * @returns null with fewer than two counts on a side
 */
export function countDifference(a: readonly number[], b: readonly number[]): Difference | null {
  const stabilised = (counts: readonly number[]) => counts.map((x) => 2 * Math.sqrt(x + 3 / 8));
  return welch(stabilised(a), stabilised(b), { leastVariance: 1 });
}

/**
 * Which of many findings to believe so that at most a share `rate` of the believed ones is false on average
 * (Y. Benjamini, Y. Hochberg, Journal of the Royal Statistical Society B 57 (1995) 289-300).
 */
export function benjaminiHochberg(ps: readonly number[], rate = 0.05): boolean[] {
  const sorted = ps.toSorted((a, b) => a - b);
  const last = sorted.findLastIndex((p, i) => p <= (i + 1) / ps.length * rate);
  const threshold = sorted[last] ?? -1;
  return ps.map((p) => p <= threshold);
}
