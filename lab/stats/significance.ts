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

/**
 * Welch's test for means of unequal variance (B. Welch, Biometrika 34 (1947) 28-35), with the interval that goes with it.
 *
 * @returns null with fewer than two values on a side
 */
export function welch(a: readonly number[], b: readonly number[], level = 0.95): Difference | null {
  if (a.length < 2 || b.length < 2) return null;
  const estimate = mean(b) - mean(a);
  const va = squaredError(a);
  const vb = squaredError(b);
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
function squaredError(values: readonly number[]): number {
  const center = mean(values);
  const variance = values.reduce((sum, v) => sum + (v - center) ** 2, 0) / (values.length - 1);
  return variance / values.length;
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
