/**
 * Randomness that repeats itself, so that a failure can be repeated.
 *
 * @module
 */

/**
 * Uniform numbers in (0, 1): the minimal standard generator of Park and Miller, "Random number generators: good
 * ones are hard to find" (1988).
 *
 * @param seed an integer from 1 to 2 147 483 646
 */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
}
