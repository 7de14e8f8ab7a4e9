/**
 * What `state` concludes from its records.
 *
 * @module
 */
import { countVerdict } from "../counts.ts";
import { allOf, type Evidence, type TrialEvidence, within } from "../evidence.ts";
import type { Analysis } from "../experiment.ts";
import { ceilingVerdict, cellName, headlineRows, listing } from "../findings.ts";
import { latencyMs } from "../measures_of_samples.ts";
import { formatInterval } from "../report/format.ts";
import type { HeadlineRow, Levels, Metric, Verdict } from "../results.ts";

/** Each count with the highest before it. */
function runningMaximum(counts: readonly number[]): number[] {
  let highest = -Infinity;
  return counts.map((count) => {
    const before = highest;
    highest = Math.max(highest, count);
    return before;
  });
}

/** A client that asks one time after the other must see a higher count each time. */
function wrongCounts(trial: TrialEvidence): number {
  const counts = trial.record.data.counts as number[];
  const before = runningMaximum(counts);
  return counts.filter((count, i) => !(count > (before[i] ?? 0))).length / counts.length;
}

/** The share of answered increments that the counter does not show. */
function lostUpdates(trial: TrialEvidence): number {
  return Math.max(0, 1 - trial.number("grown") / trial.number("answered"));
}

function lostSessions(trial: TrialEvidence): number {
  const sessions = trial.record.data.sessions as number[];
  return sessions.filter((status) => status !== 200).length / sessions.length;
}

/** Everything that could have been wrong. */
function answers(trial: TrialEvidence): number {
  const { counts, sessions } = trial.record.data as Record<string, number[]>;
  return (counts?.length ?? 0) + (sessions?.length ?? 0) + trial.number("answered");
}

const p50 = (trial: TrialEvidence) => latencyMs(trial.samples("shared-count"), 0.5);

/** Judges the claims of `state`. */
export function analyseState(evidence: Evidence): Analysis {
  const cells = evidence.cells();
  const metrics = cells.flatMap((levels) => metricsOf(evidence, levels));
  const of = (name: string, levels: Levels) =>
    metrics.filter((metric) =>
      metric.name === name &&
      Object.entries(levels).every(([factor, level]) => metric.levels[factor] === level)
    );
  const wrong = (levels: Levels) =>
    ["wrong-counts", "lost-updates", "lost-sessions"].flatMap((name) => of(name, levels));
  const memory = wrong({ store: "memory", replicas: 3 });
  const cost = costOf(evidence);
  const right = countVerdict("redis-is-right", {
    metrics: wrong({ store: "redis" }),
    of: evidence.where({ store: "redis" }).reduce((sum, trial) => sum + answers(trial), 0),
    what: "answers",
  });
  const verdicts: Verdict[] = [
    right,
    {
      hypothesis: "memory-is-wrong",
      outcome: allOf(memory.map(({ value }) => within(value, 2 / 3, 0.1))),
      sentence: `${listing(memory)}.`,
    },
    ceilingVerdict("redis-is-cheap", cost, 3),
  ];
  const rows = wrong({});
  const headline = headlineOf(evidence, verdicts);
  return {
    answer: `With 3 replicas, memory: ${
      memory.map(({ title, value }) => `${title.toLowerCase()} ${formatInterval(value, "share")}`)
        .join(", ") || "not measured"
    }. Redis: ${right.outcome === "held" ? "none wrong" : right.sentence.slice(0, -1)}; ${
      listing(cost)
    }.`,
    verdicts,
    headline,
    metrics: [...metrics, ...cost],
    charts: [{
      kind: "bars",
      id: "wrong",
      title: "Wrong answers",
      alternative: listing(rows),
      axis: { label: "Share of requests", unit: "" },
      scale: "linear",
      rows: rows.map(({ levels, title, value, theory }) => ({
        ...{ label: `${title}: ${cellName(levels)}`, group: title, value, theory },
      })),
    }],
  };
}

/** What Redis buys with three replicas, and its price with one. */
function headlineOf(evidence: Evidence, verdicts: readonly Verdict[]): HeadlineRow[] {
  const right = (wrong: (trial: TrialEvidence) => number) => ({
    ...{ lever: "Redis instead of memory, 3 replicas", unit: "share", better: "higher" } as const,
    from: { store: "memory", replicas: 3 },
    to: { store: "redis", replicas: 3 },
    value: (trial: TrialEvidence) => 1 - wrong(trial),
    hypothesis: "redis-is-right",
  });
  return headlineRows(evidence, verdicts, [
    { ...right(wrongCounts), measure: "counts that were right" },
    { ...right(lostSessions), measure: "requests whose session was known" },
    {
      ...{
        lever: "Redis instead of memory, 1 replica: its price",
        measure: "p50 of a shared count",
      },
      ...{ unit: "ms", better: "lower", value: p50, hypothesis: "redis-is-cheap" },
      from: { store: "memory", replicas: 1 },
      to: { store: "redis", replicas: 1 },
    },
  ]);
}

/** How much longer a count takes in Redis, pair by pair. */
function costOf(evidence: Evidence): Metric[] {
  const memory = new Map(
    evidence.where({ store: "memory", replicas: 1 })
      .map((trial) => [trial.record.repetition, p50(trial)]),
  );
  const redis = evidence.where({ store: "redis", replicas: 1 });
  if (redis.length === 0 || !redis.every(({ record }) => memory.has(record.repetition))) return [];
  return [evidence.metric(
    { name: "redis-cost", title: "Extra p50 of a count in Redis", unit: "ms", better: "lower" },
    { store: "redis", replicas: 1 },
    (trial) => p50(trial) - (memory.get(trial.record.repetition) ?? NaN),
  )];
}

function metricsOf(evidence: Evidence, levels: Levels): Metric[] {
  const theory = levels.store === "redis" ? 0 : 1 - 1 / Number(levels.replicas);
  const wrong = { unit: "share", better: "lower", theory } as const;
  return [
    evidence.metric({ name: "wrong-counts", title: "Wrong counts", ...wrong }, levels, wrongCounts),
    evidence.metric({ name: "lost-updates", title: "Lost updates", ...wrong }, levels, lostUpdates),
    evidence.metric(
      { name: "lost-sessions", title: "Refused sessions", ...wrong },
      levels,
      lostSessions,
    ),
    evidence.metric(
      { name: "p50", title: "p50 of a shared count", unit: "ms", better: "lower" },
      levels,
      p50,
    ),
  ];
}
