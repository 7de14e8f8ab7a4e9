/**
 * `scale-out`: capacity of 1 to 6 replicas whose own capacity is declared.
 *
 * @module
 */
import type { Evidence, TrialEvidence } from "../evidence.ts";
import type { Analysis, Experiment } from "../experiment.ts";
import { headlineRows, ratioVerdict } from "../findings.ts";
import { formatInterval, formatNumber } from "../report/format.ts";
import type { Interval, Metric, Verdict } from "../results.ts";
import { concurrencyCapacity } from "../stats/queueing.ts";
import {
  bootstrapUsl,
  fitUsl,
  USL_MIN_LEVELS,
  type UslFit,
  uslInterval,
  type UslPoint,
  uslThroughput,
} from "../stats/usl.ts";

/** Places of a replica and how long a request holds one: 80 requests/s each. */
const LIMIT = 4;
const HOLD_MS = 50;
/** Clients a place, so that every replica always has somebody waiting. */
const CLIENTS_A_PLACE = 4;

const seconds = (quick: boolean) => quick ? 1 : 4;

/** The experiment. */
export const scaleOut: Experiment = {
  name: "scale-out",
  title: "Scaling out",
  question: "How much capacity does each further replica add?",
  hypotheses: [
    { id: "speed-up-3", text: "3 replicas have at least 2.9 times the capacity of 1" },
    { id: "speed-up-5", text: "5 replicas have at least 4.7 times the capacity of 1" },
  ],
  theory:
    `A replica holds at most K = ${LIMIT} requests for S = ${HOLD_MS} ms each, so N replicas can do N K/S. ` +
    "What is lost on the way is contention (sigma) and coherency (kappa) of the Universal Scalability Law " +
    "(N. Gunther, 2007), fitted with both at least 0.",
  factors: [{ name: "replicas", description: "gateway replicas", levels: [1, 2, 3, 4, 5, 6] }],
  method:
    `Replicas that hold ${LIMIT} requests of ${HOLD_MS} ms at a time (GET /api/wait), so that the cores of this ` +
    `machine are not the limit; ${CLIENTS_A_PLACE} closed-loop clients a place through nginx, round-robin; good ` +
    "answers a second. Load shedding is off.",
  trials: { full: 8, quick: 3 },
  stack: () => ({ replicas: 1, gatewayEnv: { WAIT_LIMIT: String(LIMIT), SHEDDING: "off" } }),
  arrange: (stack, { replicas }) => stack.scale({ gateway: Number(replicas) }),
  secondsPerTrial: (_levels, quick) => seconds(quick) + 1,

  async run(trial) {
    const replicas = Number(trial.levels.replicas);
    const { goodputPerSecond, requests, good } = await trial.oha("capacity", {
      url: `${trial.stack.url}/api/wait?ms=${HOLD_MS}`,
      mode: "closed",
      durationSeconds: seconds(trial.quick),
      connections: replicas * LIMIT * CLIENTS_A_PLACE,
    });
    trial.observe("goodputPerSecond", goodputPerSecond);
    trial.observe("failed", requests - good);
    if (good < requests) {
      trial.warn("failures", `${requests - good} of ${requests} requests failed`);
    }
  },

  analyse,
};

const goodput = (trial: TrialEvidence) => trial.number("goodputPerSecond");

function analyse(evidence: Evidence): Analysis {
  const levels = evidence.levels("replicas").map(Number);
  const capacity = levels.map((replicas) =>
    evidence.metric(
      {
        ...{ name: "capacity", title: "Capacity", unit: "requests/s", better: "higher" },
        theory: concurrencyCapacity({ replicas, limit: LIMIT, serviceMs: HOLD_MS }),
      },
      { replicas },
      goodput,
    )
  );
  const speedUp = (replicas: number) =>
    evidence.ratio({ numerator: { replicas }, denominator: { replicas: 1 } }, goodput);
  const verdicts: Verdict[] = [
    ratioVerdict("speed-up-3", speedUp(3), 2.9, "the capacity with 3 replicas"),
    ratioVerdict("speed-up-5", speedUp(5), 4.7, "the capacity with 5 replicas"),
  ];
  const points = evidence.trials.map((trial) => ({
    n: Number(trial.record.levels.replicas),
    throughput: goodput(trial),
  }));
  const law = lawOf(points, levels);
  const efficiency = [3, 5].flatMap((replicas) => {
    const ratio = speedUp(replicas);
    return ratio ? [efficiencyOf(ratio, replicas, evidence)] : [];
  });
  const rows = headlineRows(
    evidence,
    verdicts,
    [3, 5].map((replicas) => ({
      lever: `${replicas} replicas instead of 1`,
      measure: "capacity (good answers a second)",
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
      ideal: levels.map((n) => ({
        x: n,
        y: concurrencyCapacity({ replicas: n, limit: LIMIT, serviceMs: HOLD_MS }),
      })),
      fit: law && { label: "Universal Scalability Law, 95 % band", points: law.band },
    }],
  };
}

function efficiencyOf(ratio: Interval, replicas: number, evidence: Evidence): Metric {
  const share = (value: number | null) => value === null ? null : value / replicas;
  const spec = { name: "efficiency", title: "Speed-up per replica", unit: "share" } as const;
  const ones = new Map(
    evidence.where({ replicas: 1 }).map((trial) => [trial.record.repetition, goodput(trial)]),
  );
  const perTrial = evidence.metric(
    { ...spec, better: "higher", theory: 1 },
    { replicas },
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
function lawOf(points: readonly UslPoint[], levels: readonly number[]) {
  if (levels.length < USL_MIN_LEVELS) return null;
  const fit = fitUsl(points);
  const fits = bootstrapUsl(points);
  const interval = (value: (fit: UslFit) => number): Interval => ({
    estimate: value(fit),
    ...uslInterval(fits, value),
    level: 0.95,
    n: points.length,
    method: "percentile bootstrap over trials within N",
  });
  const parameter = (
    name: "lambda" | "sigma" | "kappa",
    title: string,
    unit: Metric["unit"],
  ): Metric => ({
    ...{ name, title, unit, levels: {}, perTrial: [], theory: name === "lambda" ? null : 0 },
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
      ...uslInterval(fits, (each) => uslThroughput(each, x)),
    })),
  };
}
