/**
 * Trials that do not look like their siblings. They are reported, never removed.
 *
 * @module
 */
import { median } from "./percentile.ts";

/** Above this, an observation is called an outlier. */
export const OUTLIER_SCORE = 3.5;

/**
 * Modified z-scores, 0.6745 (x - median) / MAD (B. Iglewicz, D. Hoaglin, "How to Detect and Handle Outliers", ASQC,
 * 1993, section 3.3; 3.5 is their threshold). All 0 when more than half of the values are the same.
 */
export function modifiedZScores(values: readonly number[]): number[] {
  const center = median(values);
  const mad = median(values.map((value) => Math.abs(value - center)));
  return values.map((value) => mad === 0 ? 0 : 0.6745 * (value - center) / mad);
}
