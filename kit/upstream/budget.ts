/**
 * Bounds the attempts that are made on top of the requests, so that retries cannot turn a failing
 * service into a drowning one (Google SRE Book, 2016, chapter 21, "Handling Overload").
 *
 * @module
 */

/** Options of {@linkcode RetryBudget}. */
export interface RetryBudgetOptions {
  /** Extra attempts for each request. @default 0.2 */
  ratio?: number;
  /** Extra attempts that are possible at once, whatever the ratio; also what can be saved. @default 3 */
  floor?: number;
}

/**
 * Extra attempts are bounded twice: over any stretch of time to `floor + ratio * requests` (a good hour saves nothing up
 * for a storm), and at any moment to `max(floor, ratio * active requests)`. The second bound alone would allow any number
 * of quick ones.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #floor: number;
  #saved: number;
  #active = 0;
  #extra = 0;

  /** @throws {RangeError} when an option is not in its range */
  constructor(options: RetryBudgetOptions = {}) {
    const { ratio = 0.2, floor = 3 } = options;
    if (!(ratio >= 0 && ratio <= 1)) {
      throw new RangeError(`Cannot create budget: ratio must be in [0, 1], received "${ratio}"`);
    }
    if (!(Number.isInteger(floor) && floor >= 0)) {
      throw new RangeError(
        `Cannot create budget: floor must be an integer >= 0, received "${floor}"`,
      );
    }
    this.#ratio = ratio;
    this.#floor = floor;
    this.#saved = floor;
  }

  /** A request begins. */
  begin(): void {
    this.#active++;
    // A floor of 0 must still let shares add up to one attempt.
    this.#saved = Math.min(this.#saved + this.#ratio, Math.max(1, this.#floor));
  }

  /** A request has ended. */
  end(): void {
    this.#active--;
  }

  /** Asks for one extra attempt; when granted, {@linkcode RetryBudget.giveBack} must follow its end. */
  take(): boolean {
    if (this.#saved < 1 || this.#extra >= Math.max(this.#floor, this.#ratio * this.#active)) {
      return false;
    }
    this.#saved--;
    this.#extra++;
    return true;
  }

  /** An extra attempt has ended. */
  giveBack(): void {
    this.#extra--;
  }
}
