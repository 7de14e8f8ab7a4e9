/**
 * How evenly work was shared.
 *
 * @module
 */

/**
 * Jain's fairness index, (sum x)^2 / (n sum x^2): 1 when all have the same, 1/n when one has everything
 * (R. Jain, D. Chiu, W. Hawe, "A Quantitative Measure of Fairness", DEC-TR-301, 1984).
 *
 * @returns NaN when nobody has anything
 */
export function jainFairness(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return sum * sum / (shares.length * squares);
}
