/**
 * For tests that measure: other work on the machine can only make a figure worse, so a bound that holds
 * once is met, and one that never holds is not.
 *
 * @module
 */
import { AssertionError } from "node:assert/strict";

/**
 * Measures until the assertions hold, at most `times` times; each miss is printed. Anything that is thrown
 * but an `AssertionError` is thrown at once.
 *
 * @throws {AssertionError} of the last try
 */
export async function tries(times: number, measure: () => Promise<void>): Promise<void> {
  for (let n = 1;; n++) {
    try {
      // deno-lint-ignore no-await-in-loop -- one try after the other
      return await measure();
    } catch (error) {
      if (!(error instanceof AssertionError) || n >= times) throw error;
      // deno-lint-ignore no-console -- a miss is worth seeing, also when the next try holds
      console.log(`try ${n} of ${times}: ${error.message.slice(0, 500)}`);
    }
  }
}
