/**
 * `policies`: fast and slow requests over three replicas of which one is busy with something else half of the time.
 *
 * @module
 */
import { type FrontKind, POLICIES, type Policy } from "../../lb/front.ts";
import { countVerdict } from "../counts.ts";
import type { Evidence, TrialEvidence } from "../evidence.ts";
import type { Analysis, Experiment } from "../experiment.ts";
import { cellName, floorVerdict, headlineRows } from "../findings.ts";
import { byFront, frontsListing, frontsVerdict, ratioByFront } from "../fronts.ts";
import type { Sample } from "../load/sample.ts";
import { byInstance, fairness, latencyMs, shareAbove } from "../measures_of_samples.ts";
import { formatInterval } from "../report/format.ts";
import type { Levels, Metric, Verdict } from "../results.ts";
import { delayedShareAbove } from "../stats/blocked_replica.ts";
import { setFront } from "./arrangements.ts";
import { CLIENTS, drawClientAddresses } from "./client_addresses.ts";

const RATE = 150;
/** Every so many requests is a slow one. */
const SLOW_EVERY = 10;
const SLOW_MS = 100;
/** One replica blocks for so long, then is free for as long. */
const BUSY_MS = 200;
const BUSY_RATE = 2.5;
const DELAYED_MS = 20;
const REPLICAS = 3;

/** Whole periods of the busy replica (400 ms), so that it is busy for its share whatever the phase. */
const seconds = (quick: boolean) => quick ? 1.6 : 2.8;
/** The busy replica is busy before the requests come, and until after them. */
const MARGIN_SECONDS = 0.5;

/** The experiment. */
export const policies: Experiment = {
  name: "policies",
  title: "Balancer policies",
  question: "Which policy copes with one slow replica, and what does it cost in fairness?",
  hypotheses: [
    {
      id: "least-conn-avoids",
      text:
        "With one of three replicas busy half of the time, least-conn delays at most half as many fast " +
        `requests (over ${DELAYED_MS} ms) as round-robin`,
    },
    {
      id: "round-robin-is-fair",
      text: "Round-robin shares evenly whatever the replicas do: Jain's index is at least 0.99",
    },
    { id: "ip-hash-sticks", text: "Under ip-hash no client ever reaches a second replica" },
  ],
  theory:
    "Round-robin does not look: a replica that is busy for a share b of the time delays b/N of all requests, and " +
    `(1 - ${DELAYED_MS}/${BUSY_MS}) of those for longer than ${DELAYED_MS} ms. ` +
    "Jain's index is (sum x)^2 / (n sum x^2).",
  factors: [
    {
      name: "policy",
      description: "balancer policy",
      levels: POLICIES,
      quick: ["round-robin", "least-conn", "ip-hash"],
    },
    { name: "front", description: "balancer", levels: ["nginx", "caddy"], quick: ["nginx"] },
  ],
  method:
    `${RATE} requests/s, open loop, from ${CLIENTS} client addresses, other ones in each trial: one in ${SLOW_EVERY} waits ${SLOW_MS} ms, the rest ` +
    `are GET /api/users. On one replica's own port ${BUSY_RATE}/s inline blocks of ${BUSY_MS} ms keep it half busy. Load shedding is off.`,
  trials: { full: 5, quick: 3 },
  stack: () => ({ replicas: REPLICAS, activeCheckMs: 3_600_000, gatewayEnv: { SHEDDING: "off" } }),
  arrange: (stack, { policy, front }) =>
    setFront(stack, { kind: front as FrontKind, policy: policy as Policy }),
  secondsPerTrial: (_levels, quick) => seconds(quick) + MARGIN_SECONDS + 0.6,

  async run(trial) {
    const { url } = trial.stack;
    const { instances } = await trial.stack.status();
    const busy = instances.find(({ service }) => service === "gateway");
    const noise = await trial.probe("noise", {
      url: `${busy?.address}/api/cpu-bound?ms=${BUSY_MS}&mode=inline`,
      ratePerSecond: BUSY_RATE,
      durationSeconds: seconds(trial.quick) + MARGIN_SECONDS,
      maxLateMs: 50,
    });
    const clients = drawClientAddresses(trial.random);
    trial.keep("clients", clients);
    const mixed = await trial.probe("mixed", {
      targets: Array.from({ length: CLIENTS * SLOW_EVERY }, (_, i) => ({
        url: i % SLOW_EVERY === SLOW_EVERY - 1
          ? `${url}/api/wait?ms=${SLOW_MS}`
          : `${url}/api/users?limit=1`,
        localAddress: clients[i % CLIENTS] ?? "127.0.0.1",
      })),
      ratePerSecond: RATE,
      durationSeconds: seconds(trial.quick),
      maxLateMs: 20,
    });
    await Promise.all([mixed.result, noise.result]);
    trial.keep("busy", busy?.id);
  },

  analyse,
};

const mixed = (trial: TrialEvidence) => trial.samples("mixed");
const isFast = ({ target }: Sample) => target % SLOW_EVERY !== SLOW_EVERY - 1;
const fast = (trial: TrialEvidence) => mixed(trial).filter(isFast);
const delayed = (trial: TrialEvidence) => shareAbove(fast(trial), DELAYED_MS);

/** The share of clients (addresses) whose answers came from more than one replica. */
function wandering(trial: TrialEvidence): number {
  const clients = Map.groupBy(mixed(trial), ({ target }) => target % CLIENTS);
  const many = [...clients.values()].filter((samples) => byInstance(samples).size > 1);
  return many.length / clients.size;
}

function busyShare(trial: TrialEvidence): number {
  const counts = byInstance(mixed(trial));
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return (counts.get(String(trial.record.data.busy)) ?? 0) / all;
}

function analyse(evidence: Evidence): Analysis {
  const cells = evidence.cells()
    .toSorted((a, b) => cellName(a).localeCompare(cellName(b)));
  const metrics = cells.flatMap((levels) => metricsOf(evidence, levels));
  const named = (name: string, levels: Levels) =>
    metrics.filter((metric) => metric.name === name && metric.levels.policy === levels.policy);
  const ratios = ratioByFront(evidence, {
    numerator: { policy: "round-robin" },
    denominator: { policy: "least-conn" },
  }, delayed);
  const verdicts: Verdict[] = [
    frontsVerdict("least-conn-avoids", ratios, {
      bound: 2,
      what: "fewer delayed requests with least-conn",
      needs: "round-robin and least-conn",
    }),
    floorVerdict("round-robin-is-fair", named("fairness", { policy: "round-robin" }), 0.99),
    countVerdict("ip-hash-sticks", {
      metrics: named("wandering", { policy: "ip-hash" }),
      of: evidence.where({ policy: "ip-hash" }).length * CLIENTS,
      what: "clients",
    }),
  ];
  const headline = headlineRows(
    evidence,
    verdicts,
    byFront(evidence, {
      lever: "least-conn instead of round-robin, one replica half busy",
      measure: `fast requests over ${DELAYED_MS} ms`,
      unit: "share",
      better: "lower",
      from: { policy: "round-robin" },
      to: { policy: "least-conn" },
      value: delayed,
      hypothesis: "least-conn-avoids",
    }),
  );
  return {
    answer: headline.length > 0
      ? "least-conn delays fewer requests than round-robin when one of three replicas is half busy: " +
        `${frontsListing(ratios)}.`
      : "The levels of this run compare nothing; see the measures.",
    verdicts,
    headline,
    metrics,
    charts: chartsOf(evidence, cells, metrics),
  };
}

/** b/N of the requests, less those that come so late in a block that they wait for less than `DELAYED_MS`. */
const ROUND_ROBIN_DELAYED = delayedShareAbove(
  { replicas: REPLICAS, blockMs: BUSY_MS, runMs: 1000 / BUSY_RATE },
  DELAYED_MS,
);

function metricsOf(evidence: Evidence, levels: Levels): Metric[] {
  // Of the others theory says nothing: they look, or leave it to the addresses.
  const roundRobin = (theory: number) => levels.policy === "round-robin" ? theory : null;
  return [
    evidence.metric(
      {
        ...{ name: "delayed-share", title: `Fast requests over ${DELAYED_MS} ms`, unit: "share" },
        ...{ better: "lower", theory: roundRobin(ROUND_ROBIN_DELAYED) },
      },
      levels,
      delayed,
    ),
    ...[0.5, 0.99].map((p) =>
      evidence.metric(
        {
          name: `p${p * 100}`,
          title: `p${p * 100} of fast requests`,
          unit: "ms",
          better: "lower",
        },
        levels,
        (trial) => latencyMs(fast(trial), p),
      )
    ),
    evidence.metric(
      {
        ...{ name: "busy-share", title: "Share of the busy replica", unit: "share" },
        ...{ better: "neither", theory: roundRobin(1 / REPLICAS) },
      },
      levels,
      busyShare,
    ),
    evidence.metric(
      {
        ...{ name: "fairness", title: "Jain's fairness index", unit: "ratio" },
        ...{ better: "neither", theory: roundRobin(1) },
      },
      levels,
      (trial) => fairness(mixed(trial), REPLICAS),
    ),
    evidence.metric(
      {
        name: "wandering",
        title: "Clients that met several replicas",
        unit: "share",
        better: "neither",
        theory: levels.policy === "ip-hash" ? 0 : null,
      },
      levels,
      wandering,
    ),
  ];
}

function chartsOf(
  evidence: Evidence,
  cells: readonly Levels[],
  metrics: readonly Metric[],
): Analysis["charts"] {
  const shares = metrics.filter(({ name }) => name === "delayed-share");
  return [
    {
      kind: "bars",
      id: "delayed",
      title: `Fast requests over ${DELAYED_MS} ms`,
      alternative: shares.map(({ levels, value }) =>
        `${cellName(levels)} ${formatInterval(value, "share")}`
      ).join("; "),
      axis: { label: "Share of fast requests", unit: "" },
      scale: "linear",
      rows: shares.map(({ levels, value, theory }) => ({
        ...{ label: cellName(levels), group: String(levels.front), value, theory },
      })),
    },
    {
      kind: "spectrum",
      id: "spectrum",
      title: "Latency of all requests by percentile",
      alternative:
        "One in ten requests waits 100 ms by itself; what comes on top is the busy replica. " +
        shares.map(({ levels, value }) =>
          `${cellName(levels)} delays ${formatInterval(value, "share")} of the fast ones`
        ).join("; "),
      series: cells.map((levels) => ({
        label: cellName(levels),
        paths: evidence.where(levels).map((trial) => trial.path("mixed")),
      })),
    },
  ];
}
