/**
 * What experiments over a number of replicas conclude: speed-up, efficiency, and the Universal Scalability Law.
 *
 * @module
 */
import type { Evidence, TrialEvidence } from "../evidence.ts";
import type { Analysis } from "../experiment.ts";
import { headlineRows, ratioVerdict } from "../findings.ts";
import { formatInterval, formatNumber } from "../report/format.ts";
import type { Interval, Levels, Metric } from "../results.ts";
import {
  fitUsl,
  spreadUsl,
  USL_MIN_LEVELS,
  type UslFit,
  uslInterval,
  type UslPoint,
  uslThroughput,
} from "../stats/usl.ts";

const goodput = (trial: TrialEvidence) => trial.number("goodputPerSecond");

/** What is claimed of the speed-up, and what theory says of the capacity. */
export interface ScaleOutClaims {
  /** Least speed-up by replicas, such as `{ 3: 2.9 }`. */
  atLeast: Readonly<Record<number, number>>;
  /** What kind of replicas they are, for the first table. @default "replicas" */
  replicas?: string;
  /** What is counted, for the first table. @default "capacity (good answers a second)" */
  measure?: string;
  /** What all trials have in common and a measure must say: runs that differ in it are not compared. @default {} */
  common?: Levels;
  /** Capacity of so many replicas, null where nothing declares it. */
  theory(replicas: number): number | null;
}

/** Speed-up, efficiency and the fitted law of trials over a number of replicas. */
export function analyseScaleOut(evidence: Evidence, claims: ScaleOutClaims): Analysis {
  const { common = {}, measure = "capacity (good answers a second)" } = claims;
  const levels = evidence.levels("replicas").map(Number);
  const capacity = levels.map((replicas) =>
    evidence.metric(
      {
        ...{ name: "capacity", title: "Capacity", unit: "requests/s", better: "higher" },
        theory: claims.theory(replicas),
      },
      { ...common, replicas },
      goodput,
    )
  );
  const speedUp = (replicas: number) =>
    evidence.ratio({ numerator: { replicas }, denominator: { replicas: 1 } }, goodput);
  const claimed = Object.entries(claims.atLeast)
    .map(([replicas, bound]) => ({ replicas: Number(replicas), bound }));
  const verdicts = claimed.map(({ replicas, bound }) =>
    ratioVerdict(
      `speed-up-${replicas}`,
      speedUp(replicas),
      bound,
      `the capacity with ${replicas} replicas`,
    )
  );
  const points = evidence.trials.map((trial) => ({
    n: Number(trial.record.levels.replicas),
    throughput: goodput(trial),
  }));
  const law = lawOf(points, levels, common);
  const efficiency = claimed.flatMap(({ replicas }) => {
    const ratio = speedUp(replicas);
    return ratio ? [efficiencyOf(ratio, { ...common, replicas }, evidence)] : [];
  });
  const rows = headlineRows(
    evidence,
    verdicts,
    [3, 5].map((replicas) => ({
      lever: `${replicas} ${claims.replicas ?? "replicas"} instead of 1`,
      measure,
      unit: "requests/s" as const,
      better: "higher" as const,
      from: { replicas: 1 },
      to: { replicas },
      value: goodput,
      hypothesis: `speed-up-${replicas}`,
    })),
  );
  return {
    answer: [
      ...rows.map(({ lever, ratio }) => `${lever}: ${formatInterval(ratio, "ratio")}`),
      law ? law.sentence : `no law fitted (it needs ${USL_MIN_LEVELS} levels of N)`,
    ].join("; ") + ".",
    verdicts,
    headline: rows,
    metrics: [...capacity, ...efficiency, ...(law?.metrics ?? [])],
    charts: [{
      kind: "curve",
      id: "capacity",
      title: "Capacity by replicas",
      alternative: capacity.map(({ levels, value }) =>
        `${levels.replicas} replicas ${formatInterval(value, "requests/s")}`
      ).join("; ") + (law ? `; ${law.sentence}` : ""),
      x: { label: "Gateway replicas", unit: "" },
      y: { label: "Capacity", unit: "requests/s" },
      series: [{
        label: "measured",
        points: capacity.map(({ levels, value }) => ({ x: Number(levels.replicas), y: value })),
      }],
      ideal: idealOf(capacity),
      fit: law && { label: "Universal Scalability Law, 95 % band", points: law.band },
    }],
  };
}

/** The line of declared capacity, or else that of the first point times N. */
function idealOf(capacity: readonly Metric[]): { x: number; y: number }[] {
  const [first] = capacity;
  const perReplica = first ? first.value.estimate / Number(first.levels.replicas) : 0;
  return capacity.map(({ levels: { replicas }, theory }) => ({
    x: Number(replicas),
    y: theory ?? perReplica * Number(replicas),
  }));
}

function efficiencyOf(ratio: Interval, levels: Levels, evidence: Evidence): Metric {
  const replicas = Number(levels.replicas);
  const share = (value: number | null) => value === null ? null : value / replicas;
  const spec = { name: "efficiency", title: "Speed-up per replica", unit: "share" } as const;
  const ones = new Map(
    evidence.where({ replicas: 1 }).map((trial) => [trial.record.repetition, goodput(trial)]),
  );
  const perTrial = evidence.metric(
    { ...spec, better: "higher", theory: 1 },
    levels,
    (trial) => goodput(trial) / replicas / (ones.get(trial.record.repetition) ?? NaN),
  );
  return {
    ...perTrial,
    perTrial: perTrial.perTrial.filter(({ value }) => Number.isFinite(value)),
    value: {
      ...ratio,
      estimate: ratio.estimate / replicas,
      low: share(ratio.low),
      high: share(ratio.high),
    },
  };
}

/** The fitted law, its parameters as measures, and its band. */
function lawOf(points: readonly UslPoint[], levels: readonly number[], common: Levels) {
  if (levels.length < USL_MIN_LEVELS) return null;
  const fit = fitUsl(points);
  const spread = spreadUsl(points);
  const ends = (value: (fit: UslFit) => number): Pick<Interval, "low" | "high"> =>
    spread ? uslInterval(spread, value) : { low: null, high: null };
  const interval = (value: (fit: UslFit) => number): Interval => ({
    estimate: value(fit),
    ...ends(value),
    level: 0.95,
    n: points.length,
    method: "noise between trials propagated through the fit, cut at 0",
  });
  const parameter = (
    name: "lambda" | "sigma" | "kappa",
    title: string,
    unit: Metric["unit"],
  ): Metric => ({
    ...{ name, title, unit, levels: common, perTrial: [], theory: name === "lambda" ? null : 0 },
    value: interval((each) => each[name]),
    better: name === "lambda" ? "higher" : "lower",
  });
  const steps = Array.from(
    { length: 41 },
    (_, i) => 1 + (Math.max(...levels) * 1.25 - 1) * i / 40,
  );
  return {
    sentence: `the Universal Scalability Law fits with contention ${formatNumber(fit.sigma)} and ` +
      `coherency ${formatNumber(fit.kappa)}`,
    metrics: [
      parameter("lambda", "Capacity of one replica (lambda)", "requests/s"),
      parameter("sigma", "Contention (sigma)", "ratio"),
      parameter("kappa", "Coherency (kappa)", "ratio"),
    ],
    band: steps.map((x) => ({
      x,
      y: uslThroughput(fit, x),
      ...ends((each) => uslThroughput(each, x)),
    })),
  };
}
