/**
 * Check 5: every replica gets its share.
 *
 * @module
 */
import { jainFairness } from "../stats/fairness.ts";
import { probe } from "../load/prober.ts";
import { isGood } from "../load/sample.ts";
import { type Check, describeTally, tally } from "./check.ts";

const REQUESTS = 300;

/** Shares under round-robin at 200 requests/s. */
export const distribution: Check = {
  title: "Load distribution",
  replicas: 3,
  async run({ url }) {
    const samples = await probe({
      url: `${url}/api/metrics`,
      ratePerSecond: 200,
      count: REQUESTS,
    });
    const shares = tally(samples.filter(isGood).map(({ instance }) => instance ?? "nobody"));
    const fairness = jainFairness([...shares.values()]);
    const good = samples.filter(isGood).length;
    return {
      passed: shares.size === 3 && good === REQUESTS && fairness > 0.999,
      seen: `${describeTally(shares)} of ${REQUESTS} (Jain's index ${fairness.toFixed(4)})`,
    };
  },
};
