/**
 * `vertical`: one event loop, several in one process, several replicas.
 *
 * @module
 */
import type { Evidence, TrialEvidence } from "../evidence.ts";
import type { Analysis, Experiment } from "../experiment.ts";
import { cellName, headlineRows, ratioVerdict } from "../findings.ts";
import { formatInterval } from "../report/format.ts";
import type { Verdict } from "../results.ts";

/** Each request holds an event loop for so long: 200 a second at most for one loop. */
const HOLD_MS = 5;
const CLIENTS = 16;
const seconds = (quick: boolean) => quick ? 1.5 : 3;

const SHAPES: Record<string, { replicas: number; workers: number }> = {
  "1 process": { replicas: 1, workers: 1 },
  "2 workers": { replicas: 1, workers: 2 },
  "2 replicas": { replicas: 2, workers: 1 },
};

/** The experiment. */
export const vertical: Experiment = {
  name: "vertical",
  title: "Workers or replicas",
  question: "Do two event loops in one process do as much as two replicas?",
  hypotheses: [
    {
      id: "replicas-scale",
      text: "2 replicas do at least 1.7 times the blocking work of 1 process",
    },
    { id: "workers-scale", text: "2 workers do at least 1.5 times the blocking work of 1 process" },
  ],
  theory:
    `Each request holds an event loop for ${HOLD_MS} ms, so a loop does at most ${
      1000 / HOLD_MS
    }/s. The front ` +
    "spreads requests over replicas; workers of one process share a socket, and the kernel spreads connections.",
  factors: [{ name: "shape", description: "event loops", levels: Object.keys(SHAPES) }],
  method:
    `${CLIENTS} closed-loop clients through nginx, round-robin; GET /api/cpu-bound of ${HOLD_MS} ms inline; good ` +
    "answers a second. The load generator and the front share the cores. Load shedding is off.",
  trials: { full: 5, quick: 2 },
  stack: ({ shape }) => ({ ...SHAPES[String(shape)], gatewayEnv: { SHEDDING: "off" } }),
  secondsPerTrial: (_levels, quick) => seconds(quick) + 0.4,

  async run(trial) {
    const { goodputPerSecond, latencyMs, requests, good } = await trial.oha("work", {
      url: `${trial.stack.url}/api/cpu-bound?ms=${HOLD_MS}&mode=inline`,
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

function analyse(evidence: Evidence): Analysis {
  const metrics = evidence.cells().flatMap((levels) => {
    const { replicas = 1, workers = 1 } = SHAPES[String(levels.shape)] ?? {};
    const theory = replicas * workers * 1000 / HOLD_MS;
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
  const one = { shape: "1 process" };
  const gain = (shape: string) =>
    evidence.ratio({ numerator: { shape }, denominator: one }, goodput);
  const verdicts: Verdict[] = [
    ratioVerdict("replicas-scale", gain("2 replicas"), 1.7, "the work with 2 replicas"),
    ratioVerdict("workers-scale", gain("2 workers"), 1.5, "the work with 2 workers"),
  ];
  const headline = headlineRows(
    evidence,
    verdicts,
    (["2 replicas", "2 workers"] as const).map((shape) => ({
      lever: `${shape} instead of 1 process`,
      measure: "blocking work done (good answers a second)",
      unit: "requests/s" as const,
      better: "higher" as const,
      from: one,
      to: { shape },
      value: goodput,
      hypothesis: shape === "2 replicas" ? "replicas-scale" : "workers-scale",
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
      title: "Blocking work done",
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
