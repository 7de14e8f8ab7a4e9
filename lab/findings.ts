/**
 * Sentences, rows and verdicts that experiments make of their evidence.
 *
 * @module
 */
import { allOf, atLeast, atMost, type Evidence, type TrialEvidence } from "./evidence.ts";
import { formatInterval, formatValue } from "./report/format.ts";
import type { HeadlineRow, Interval, Levels, Metric, Unit, Verdict } from "./results.ts";
import { meanInterval } from "./stats/interval.ts";

const NOT_MEASURED = "Not measured in this run";
const NO_RATIO = "No ratio: a side was not measured in this run, or gave nothing";

/** Judges "at least `bound` times"; `what` completes "4.7x ...". */
export function ratioVerdict(
  hypothesis: string,
  ratio: Interval | null,
  bound: number,
  what: string,
): Verdict {
  const sentence = ratio ? `${formatInterval(ratio, "ratio")} ${what}${noteOf(ratio)}` : NO_RATIO;
  return { hypothesis, outcome: atLeast(ratio, bound), sentence: `${sentence}.` };
}

function noteOf({ note }: Interval): string {
  return note === undefined ? "" : ` (${note})`;
}

/** Judges "at most `bound`" for every one of some measures. */
export function ceilingVerdict(
  hypothesis: string,
  metrics: readonly Metric[],
  bound: number,
): Verdict {
  return {
    hypothesis,
    outcome: allOf(metrics.map(({ value }) => atMost(value, bound))),
    sentence: `${listing(metrics)}.`,
  };
}

/** Judges "at least `bound`" for every one of some measures. */
export function floorVerdict(
  hypothesis: string,
  metrics: readonly Metric[],
  bound: number,
): Verdict {
  return {
    hypothesis,
    outcome: allOf(metrics.map(({ value }) => atLeast(value, bound))),
    sentence: `${listing(metrics)}.`,
  };
}

/** Measures with their cells and values, and what theory says. */
export function listing(metrics: readonly Metric[]): string {
  return metrics.map(({ levels, title, value, unit, theory }) => {
    const said = theory === null ? "" : ` (theory ${formatValue(theory, unit)})`;
    return `${cellName(levels)}: ${title} ${formatInterval(value, unit)}${said}`;
  }).join("; ") || NOT_MEASURED;
}

/** A cell in words. */
export function cellName(levels: Levels): string {
  return Object.entries(levels)
    .map(([name, level]) => typeof level === "number" ? `${level} ${name}` : level)
    .join(", ");
}

/** One comparison for the first table. */
export interface Comparison {
  lever: string;
  measure: string;
  unit: Unit;
  better: "lower" | "higher";
  from: Levels;
  to: Levels;
  value(trial: TrialEvidence): number;
  /** The claim whose outcome the row shows. */
  hypothesis: string;
}

/** Rows of the first table; a comparison whose cells were not run gives none. */
export function headlineRows(
  evidence: Evidence,
  verdicts: readonly Verdict[],
  comparisons: readonly Comparison[],
): HeadlineRow[] {
  return comparisons.flatMap(({ lever, measure, unit, better, from, to, value, hypothesis }) => {
    const [numerator, denominator] = better === "lower" ? [from, to] : [to, from];
    const ratio = evidence.ratio({ numerator, denominator }, value);
    if (!ratio) return [];
    const side = (levels: Levels) =>
      formatInterval(meanInterval(evidence.where(levels).map(value)), unit);
    const verdict = verdicts.find((each) => each.hypothesis === hypothesis);
    const outcome = verdict?.outcome ?? "inconclusive";
    return [{
      lever,
      measure: measure + noteOf(ratio),
      from: side(from),
      to: side(to),
      ratio,
      outcome,
    }];
  });
}
