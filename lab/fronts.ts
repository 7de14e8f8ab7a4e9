/**
 * Claims that must be true of nginx and of Caddy. Pooled, ten pairs of five repetitions and two fronts would be taken for
 * ten observations of one thing, and a front that fails could hide behind the other one.
 *
 * @module
 */
import { allOf, atLeast, type Evidence, type TrialEvidence } from "./evidence.ts";
import type { Comparison } from "./findings.ts";
import { formatInterval } from "./report/format.ts";
import type { Interval, Levels, Verdict } from "./results.ts";

/** What a comparison came to behind one front. */
export interface FrontRatio {
  front: string | number;
  /** Whether both sides have trials. */
  compared: boolean;
  /** Null when it was not compared, or a side gave nothing. */
  ratio: Interval | null;
}

/** The ratio behind each front that any trial had. */
export function ratioByFront(
  evidence: Evidence,
  { numerator, denominator }: { numerator: Levels; denominator: Levels },
  value: (trial: TrialEvidence) => number,
): FrontRatio[] {
  return evidence.levels("front").map((front) => {
    const sides = {
      numerator: { ...numerator, front },
      denominator: { ...denominator, front },
    };
    const compared = evidence.has(sides.numerator) && evidence.has(sides.denominator);
    return { front, compared, ratio: evidence.ratio(sides, value) };
  });
}

/** The ratios in words: `nginx 4.7x, caddy 5x`. */
export function frontsListing(ratios: readonly FrontRatio[]): string {
  return ratios.map(({ front, compared, ratio }) => {
    if (ratio) {
      const note = ratio.note === undefined ? "" : ` (${ratio.note})`;
      return `${front} ${formatInterval(ratio, "ratio")}${note}`;
    }
    return compared ? `${front} no ratio (a side gave nothing)` : `${front} not compared`;
  }).join(", ");
}

/** Options of {@linkcode frontsVerdict}. */
export interface FrontsClaim {
  /** Least ratio behind each front. */
  bound: number;
  /** Completes "nginx 4.7x, caddy 5x ...". */
  what: string;
  /** Which levels are compared, for a run that had them not. */
  needs: string;
  /**
   * Whether a front with trials of one side only is left out. Otherwise it leaves the claim open: its other side may
   * have been run and found invalid. @default false
   */
  oneSided?: boolean;
}

/** Judges "at least `bound` times" behind every front. */
export function frontsVerdict(
  hypothesis: string,
  ratios: readonly FrontRatio[],
  { bound, what, needs, oneSided = false }: FrontsClaim,
): Verdict {
  if (!ratios.some(({ compared }) => compared)) {
    const sentence = `Not measured in this run: it compares ${needs}.`;
    return { hypothesis, outcome: "inconclusive", sentence };
  }
  const judged = ratios.filter(({ compared }) => compared || !oneSided);
  return {
    hypothesis,
    outcome: allOf(judged.map(({ ratio }) => atLeast(ratio, bound))),
    sentence: `${frontsListing(ratios)} ${what}.`,
  };
}

/** A comparison behind each front. */
export function byFront(evidence: Evidence, comparison: Comparison): Comparison[] {
  const { lever, from, to } = comparison;
  return evidence.levels("front").map((front) => ({
    ...comparison,
    lever: `${lever} (${front})`,
    from: { ...from, front },
    to: { ...to, front },
  }));
}
