/**
 * `vertical`: one event loop, several in one process, several replicas.
 *
 * @module
 */
import type { Evidence, TrialEvidence } from "../evidence.ts";
import type { Analysis, Experiment } from "../experiment.ts";
import { cellName, headlineRows, ratioVerdict } from "../findings.ts";
import { formatInterval } from "../report/format.ts";
import type { Levels, Verdict } from "../results.ts";
import { mean } from "../stats/percentile.ts";

/** Work of a request: 200 a second at most for one core. */
const WORK_MS = 5;
const CLIENTS = 16;
const seconds = (quick: boolean) => quick ? 1.2 : 2.5;

const SHAPES: Record<string, { replicas: number; workers: number }> = {
  "1 process": { replicas: 1, workers: 1 },
  "2 workers": { replicas: 1, workers: 2 },
  "2 replicas": { replicas: 2, workers: 1 },
};

/** What is held against what, and how much it must be worth. */
const COMPARISONS = [
  { hypothesis: "replicas-scale", from: "1 process", to: "2 replicas", bound: 1.7 },
  { hypothesis: "workers-scale", from: "1 process", to: "2 workers", bound: 1.5 },
  { hypothesis: "workers-keep-up", from: "2 replicas", to: "2 workers", bound: 0.9 },
] as const;

/** The experiment. */
export const vertical: Experiment = {
  name: "vertical",
  title: "Workers or replicas",
  question: "Do two event loops in one process do as much as two replicas?",
  hypotheses: COMPARISONS.map(({ hypothesis, from, to, bound }) => ({
    id: hypothesis,
    text: `${to} do at least ${bound} times the CPU work of ${from}`,
  })),
  theory:
    `Each request is W = ${WORK_MS} ms of work for an idle core, so a loop does at most 1/W. The front ` +
    "spreads requests over replicas; workers of one process share a socket, and the kernel spreads connections.",
  factors: [{ name: "shape", description: "event loops", levels: Object.keys(SHAPES) }],
  method:
    `${CLIENTS} closed-loop clients through nginx, round-robin; GET /api/cpu-bound inline, a fixed number of ` +
    `rounds that take an idle core of this machine about ${WORK_MS} ms (measured once, then kept to); good ` +
    "answers a second. The load generator and the front share the cores. Load shedding is off.",
  trials: { full: 5, quick: 2 },
  stack: ({ shape }) => ({ ...SHAPES[String(shape)], gatewayEnv: { SHEDDING: "off" } }),
  secondsPerTrial: (_levels, quick) => seconds(quick) + 0.4,

  async run(trial) {
    const { rounds } = await trial.cpuWork(WORK_MS);
    const { goodputPerSecond, latencyMs, requests, good } = await trial.oha("work", {
      url: `${trial.stack.url}/api/cpu-bound?rounds=${rounds}&mode=inline`,
      mode: "closed",
      durationSeconds: seconds(trial.quick),
      connections: CLIENTS,
    });
    trial.observe("goodputPerSecond", goodputPerSecond);
    trial.observe("p99Ms", latencyMs.p99 ?? NaN);
    if (good < requests) {
      trial.warn("failures", `${requests - good} of ${requests} requests failed`);
    }
  },

  analyse,
};

const goodput = (trial: TrialEvidence) => trial.number("goodputPerSecond");

/** What so many loops can do at most when each has a core. */
function theoryOf(evidence: Evidence, levels: Levels): number {
  const { replicas = 1, workers = 1 } = SHAPES[String(levels.shape)] ?? {};
  const workMs = mean(evidence.where(levels).map((trial) => trial.number("workMs")));
  return replicas * workers * 1000 / workMs;
}

function analyse(evidence: Evidence): Analysis {
  const metrics = evidence.cells().flatMap((levels) => {
    const theory = theoryOf(evidence, levels);
    return [
      evidence.metric(
        { name: "capacity", title: "Capacity", unit: "requests/s", better: "higher", theory },
        levels,
        goodput,
      ),
      evidence.metric(
        { name: "p99", title: "p99 latency", unit: "ms", better: "lower" },
        levels,
        (trial) => trial.number("p99Ms"),
      ),
    ];
  });
  const gain = ({ from, to }: typeof COMPARISONS[number]) =>
    evidence.ratio({ numerator: { shape: to }, denominator: { shape: from } }, goodput);
  const verdicts: Verdict[] = COMPARISONS.map((comparison) => {
    const { hypothesis, bound, from, to } = comparison;
    return ratioVerdict(hypothesis, gain(comparison), bound, `the work of ${from} with ${to}`);
  });
  const headline = headlineRows(
    evidence,
    verdicts,
    COMPARISONS.map(({ hypothesis, from, to }) => ({
      lever: `${to} instead of ${from}`,
      measure: "CPU work done (good answers a second)",
      unit: "requests/s" as const,
      better: "higher" as const,
      from: { shape: from },
      to: { shape: to },
      value: goodput,
      hypothesis,
    })),
  );
  const capacity = metrics.filter(({ name }) => name === "capacity");
  return {
    answer: headline.map(({ lever, ratio }) => `${lever}: ${formatInterval(ratio, "ratio")}`)
      .join("; ") + ".",
    verdicts,
    headline,
    metrics,
    charts: [{
      kind: "bars",
      id: "capacity",
      title: "CPU work done",
      alternative: capacity.map(({ levels, value }) =>
        `${cellName(levels)} ${formatInterval(value, "requests/s")}`
      ).join("; "),
      axis: { label: "Good answers", unit: "requests/s" },
      scale: "linear",
      rows: capacity.map(({ levels, value, theory }) => ({
        ...{ label: String(levels.shape), value, theory },
      })),
    }],
  };
}
