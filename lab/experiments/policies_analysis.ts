/**
 * What `policies` concludes from its records.
 *
 * @module
 */
import { countVerdict } from "../counts.ts";
import type { Evidence, TrialEvidence } from "../evidence.ts";
import type { Analysis } from "../experiment.ts";
import { cellName, floorVerdict, headlineRows } from "../findings.ts";
import { byFront, frontsListing, frontsVerdict, ratioByFront } from "../fronts.ts";
import type { Sample } from "../load/sample.ts";
import { byInstance, fairness, latencyMs, shareAbove } from "../measures_of_samples.ts";
import { formatInterval } from "../report/format.ts";
import type { Levels, Metric, Verdict } from "../results.ts";
import { delayedShareAbove } from "../stats/blocked_replica.ts";
import { CLIENTS } from "./client_addresses.ts";

/** Every so many requests is a slow one. */
export const SLOW_EVERY = 10;
/** One replica blocks for so long, then is free for as long. */
export const BUSY_MS = 200;
/** Blocks a second. */
export const BUSY_RATE = 2.5;
/** A fast request slower than this was delayed. */
export const DELAYED_MS = 20;
/** Replicas of the gateway. */
export const REPLICAS = 3;

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

/** Judges the claims of `policies`. */
export function analysePolicies(evidence: Evidence): Analysis {
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
