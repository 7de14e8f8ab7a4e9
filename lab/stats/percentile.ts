/**
 * Percentiles from raw samples.
 *
 * The estimator is type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American Statistician
 * 50 (1996) 361-365: linear interpolation between order statistics at h = (n - 1) p. It is the default of R, NumPy and
 * spreadsheets, so a reader gets the same figure from the samples on disk.
 *
 * @module
 */

/**
 * The p-quantile of the values (in any order).
 *
 * @param p 0 to 1
 * @returns NaN when there are no values
 */
export function percentile(values: readonly number[], p: number): number {
  return percentileOfSorted(Float64Array.from(values).sort(), p);
}

/** Several quantiles of the same values; sorts once. */
export function percentiles(values: readonly number[], ps: readonly number[]): number[] {
  const sorted = Float64Array.from(values).sort();
  return ps.map((p) => percentileOfSorted(sorted, p));
}

/** The p-quantile of values in ascending order. */
export function percentileOfSorted(sorted: ArrayLike<number>, p: number): number {
  if (!(p >= 0 && p <= 1)) {
    throw new RangeError(`Cannot take a percentile: p must be 0 to 1, received "${p}"`);
  }
  if (sorted.length === 0) return NaN;
  const h = (sorted.length - 1) * p;
  const low = sorted[Math.floor(h)] ?? NaN;
  const high = sorted[Math.ceil(h)] ?? NaN;
  return low + (h - Math.floor(h)) * (high - low);
}

/** The middle: the 0.5-quantile. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The arithmetic mean; NaN of nothing. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
