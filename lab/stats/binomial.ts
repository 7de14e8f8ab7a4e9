/**
 * How often something of known probability happens in so many tries.
 *
 * @module
 */

/** Numbers of successes, both ends included. */
export interface CountRange {
  low: number;
  high: number;
}

/**
 * The central range that the number of successes among `tries` falls into with at least this probability, when each
 * succeeds with `probability`: at most half of what is left lies on either side (quantiles of the binomial distribution).
 *
 * @throws RangeError when an argument is not in its range
 */
export function binomialRange(tries: number, probability: number, level: number): CountRange {
  const wrong = !(Number.isInteger(tries) && tries >= 0)
    ? `tries must be a whole number, received "${tries}"`
    : !(probability > 0 && probability < 1)
    ? `probability must be between 0 and 1, received "${probability}"`
    : !(level > 0 && level < 1)
    ? `level must be between 0 and 1, received "${level}"`
    : null;
  if (wrong !== null) throw new RangeError(`Cannot take a binomial range: ${wrong}`);
  const tail = (1 - level) / 2;
  let [below, low, high] = [0, 0, tries];
  // In logarithms: (1 - p)^n of many tries is too small for a number.
  let logMass = tries * Math.log1p(-probability);
  const logOdds = Math.log(probability) - Math.log1p(-probability);
  for (let count = 0; count <= tries; count++) {
    below += Math.exp(logMass);
    if (below <= tail) low = count + 1;
    if (below >= 1 - tail) {
      high = count;
      break;
    }
    logMass += Math.log((tries - count) / (count + 1)) + logOdds;
  }
  return { low, high };
}
