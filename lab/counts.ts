/**
 * Claims that something never happens: counts, not means. One occurrence in any trial refutes such a claim, however small
 * the mean is, and none in n chances does not prove it: it bounds the share.
 *
 * @module
 */
import { listing } from "./findings.ts";
import { formatNumber, formatValue } from "./report/format.ts";
import type { Metric, Verdict } from "./results.ts";

/**
 * The upper end of the 95 % interval of a share of which there was none in `n`: 3/n, since (1 - p)^n = 0.05 at
 * p = 3.0/n (J. Hanley, A. Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?", JAMA 249 (1983) 1743-1745).
 */
export function ruleOfThree(n: number): number {
  return Math.min(1, 3 / n);
}

/** What must never be. */
export interface Never {
  /** How much of it there was, as counts or shares; every trial must have none. */
  metrics: readonly Metric[];
  /** Chances that it had. */
  of: number;
  /** Chances of what, such as `requests`. */
  what: string;
}

/** Held when no trial has any, with what that leaves open; failed when one has; inconclusive without a chance. */
export function countVerdict(hypothesis: string, { metrics, of, what }: Never): Verdict {
  const found = metrics.filter(({ perTrial }) => perTrial.some(({ value }) => value !== 0));
  if (found.length > 0) return { hypothesis, outcome: "failed", sentence: `${listing(found)}.` };
  if (metrics.length === 0 || of === 0) {
    return { hypothesis, outcome: "inconclusive", sentence: "Not measured in this run." };
  }
  const bound = formatValue(ruleOfThree(of), "share");
  return {
    hypothesis,
    outcome: "held",
    sentence: `0 of ${formatNumber(of)} ${what}: at most ${bound} of them (rule of three, 95 %, ` +
      "as if they were independent).",
  };
}
