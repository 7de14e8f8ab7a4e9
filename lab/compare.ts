/**
 * What changed between two runs beyond noise: every measure that both have, tested on its trials, with the rate of false
 * findings held over all of them.
 *
 * @module
 */
import { formatValue } from "./report/format.ts";
import type { ExperimentResult, Levels, Metric, Run } from "./results.ts";
import { mean } from "./stats/percentile.ts";
import { benjaminiHochberg, countDifference, welch } from "./stats/significance.ts";

/**
 * Smaller changes are not reported, however certain: the machine is not the same in two runs, and what differs by run is
 * not in the scatter of the trials of one. 10 % is about half of the slowdown that must be seen (20 %).
 */
export const MIN_EFFECT = 0.1;
/** Changes of a mean that are nobody's concern, whatever they are as a factor of almost nothing. */
const SMALLEST: Partial<Record<Metric["unit"], number>> = {
  /** One request in a hundred. */
  share: 0.01,
  /** Half of what the load generator's own timer is late by at the median (docs/decisions.md). */
  ms: 0.3,
  /** One event a trial. */
  count: 1,
};
/** Share of findings that may be false. */
const FALSE_DISCOVERY_RATE = 0.05;

/** One measure of two runs. */
export interface ComparedMeasure {
  experiment: string;
  name: string;
  title: string;
  levels: Levels;
  unit: Metric["unit"];
  /** Means over trials. */
  a: number;
  b: number;
  /** `b` over `a` with a 95 % interval; null when a value is not positive. */
  ratio: { estimate: number; low: number; high: number } | null;
  verdict: "same" | "better" | "worse" | "different";
}

/** A comparison of two runs. */
export interface Comparison {
  measures: ComparedMeasure[];
  /** Measures that only one run has, that have a single trial, or a value that is no number. */
  left: number;
}

/** Compares the results of two runs. */
export function compareRuns(
  a: readonly ExperimentResult[],
  b: readonly ExperimentResult[],
): Comparison {
  const before = measuresOf(a);
  const after = measuresOf(b);
  const both = [...before].flatMap(([key, one]) => {
    const other = after.get(key);
    const tested = other && test(one.metric, other.metric);
    return tested ? [{ ...one, other: other.metric, ...tested }] : [];
  });
  const believed = benjaminiHochberg(both.map(({ p }) => p), FALSE_DISCOVERY_RATE);
  const measures = both.map(({ experiment, metric, other, ratio, effect }, i) => {
    const { name, title, levels, unit } = metric;
    const values = (of: Metric) => mean(of.perTrial.map(({ value }) => value));
    const changed = believed[i] === true && effect >= MIN_EFFECT;
    const [from, to] = [values(metric), values(other)];
    return {
      ...{ experiment, name, title, levels, unit, a: from, b: to, ratio },
      verdict: changed ? direction(metric.better, from, to) : "same",
    };
  });
  return { measures, left: new Set([...before.keys(), ...after.keys()]).size - both.length };
}

/** One line when the CPU work of two runs is not of the same size; null when it is, or nothing is known of it. */
export function workDifference(a: Run, b: Run): string | null {
  const different = Object.entries(a.cpuRounds ?? {}).flatMap(([ms, before]) => {
    const after = b.cpuRounds?.[ms];
    return after === undefined || after === before
      ? []
      : [`work of ${ms} ms was ${before} rounds and is ${after}`];
  });
  return different.length === 0
    ? null
    : `The two runs did different CPU work, so what it costs changed too: ${different.join("; ")}`;
}

/** The comparison as lines: what changed, then the sum. */
export function comparisonLines({ measures, left }: Comparison): string[] {
  const changed = measures.filter(({ verdict }) => verdict !== "same");
  const lines = changed.map(({ experiment, title, levels, unit, a, b, ratio, verdict }) => {
    const cell = Object.values(levels).join(", ");
    const factor = ratio
      ? `, ${ratio.estimate.toFixed(2)}x [${ratio.low.toFixed(2)}, ${ratio.high.toFixed(2)}]`
      : "";
    return `${verdict.padEnd(9)} ${experiment} (${cell}) ${title}: ` +
      `${formatValue(a, unit)} -> ${formatValue(b, unit)}${factor}`;
  });
  const share = measures.length === 0 ? 0 : 1 - changed.length / measures.length;
  lines.push(
    `${changed.length} of ${measures.length} measures changed beyond noise ` +
      `(${(100 * share).toFixed(1)} % the same); ${left} could not be compared`,
  );
  return lines;
}

function measuresOf(results: readonly ExperimentResult[]) {
  return new Map(
    results.flatMap(({ declaration: { name: experiment }, metrics }) =>
      metrics.map((metric) => {
        const levels = Object.entries(metric.levels).sort(([x], [y]) => x < y ? -1 : 1);
        return [JSON.stringify([experiment, metric.name, levels]), { experiment, metric }] as const;
      })
    ),
  );
}

/**
 * Counts by the test for counts; else on logarithms where all values are positive, so that what counts is the factor.
 * The effect is 0 where the change is below the smallest of its unit.
 */
function test(a: Metric, b: Metric) {
  const left = a.perTrial.map(({ value }) => value);
  const right = b.perTrial.map(({ value }) => value);
  if (![...left, ...right].every(Number.isFinite)) return null;
  const factor = [...left, ...right].every((value) => value > 0)
    ? welch(left.map(Math.log), right.map(Math.log))
    : null;
  const ratio = factor &&
    {
      estimate: Math.exp(factor.estimate),
      low: Math.exp(factor.low),
      high: Math.exp(factor.high),
    };
  const difference = a.unit === "count"
    ? countDifference(left, right)
    : factor ?? welch(left, right);
  if (!difference) return null;
  const [from, to] = [mean(left), mean(right)];
  const tooSmall = from === to || Math.abs(to - from) < (SMALLEST[a.unit] ?? 0);
  const relative = ratio
    ? Math.max(ratio.estimate, 1 / ratio.estimate) - 1
    : Math.abs(to - from) / Math.max(Math.abs(from), Math.abs(to));
  return { p: difference.p, ratio, effect: tooSmall ? 0 : relative };
}

function direction(better: Metric["better"], a: number, b: number): ComparedMeasure["verdict"] {
  if (better === "neither") return "different";
  return (b < a) === (better === "lower") ? "better" : "worse";
}
