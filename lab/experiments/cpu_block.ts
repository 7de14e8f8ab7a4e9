/**
 * `cpu-block`: light open-loop traffic while one request blocks an event loop.
 *
 * @module
 */
import { type FrontKind, POLICIES, type Policy } from "../../lb/front.ts";
import { allOf, type Evidence, type TrialEvidence, within } from "../evidence.ts";
import { headlineRows, ratioVerdict } from "../findings.ts";
import type { Analysis, Experiment, TrialContext } from "../experiment.ts";
import { latencyMs, meanLatencyMs, shareAbove } from "../measures_of_samples.ts";
import { formatInterval, formatValue } from "../report/format.ts";
import type { Chart, HeadlineRow, Levels, Metric, Verdict } from "../results.ts";
import {
  addedMeanMs,
  addedQuantileMs,
  type Block,
  delayedShareAbove,
} from "../stats/blocked_replica.ts";
import { setFront } from "./arrangements.ts";
import { clientAddresses } from "./client_addresses.ts";

const RATE = 200;
/** A request slower than this was delayed by the block. */
const DELAYED_MS = 100;
const TOLERANCE = 0.1;

const phases = (quick: boolean) =>
  quick
    ? { leadMs: 400, blockMs: 1_300, runMs: 3_000 }
    : { leadMs: 1_000, blockMs: 3_000, runMs: 6_000 };

/** The experiment. */
export const cpuBlock: Experiment = {
  name: "cpu-block",
  title: "Blocking the event loop",
  question: "What does one CPU-bound request do to everybody else, and what helps?",
  hypotheses: [
    {
      id: "round-robin-theory",
      text:
        "With 1 of 3 replicas blocked under round-robin, the share of delayed requests, p95 and " +
        "p99 are within 10 % of theory: more replicas alone do not cure it",
    },
    {
      id: "least-conn-contains",
      text: "With 1 of 3 replicas blocked, least-conn has a p99 at least 10 times lower than " +
        "round-robin: a policy contains it",
    },
    {
      id: "offload-cures",
      text: "On one replica, offloading the work has a p99 at least 100 times lower than inline",
    },
  ],
  theory:
    "One of N replicas blocked for B in a run of T, round-robin: phi = B/(N T) of the requests wait, " +
    "uniformly up to B; mean phi B/2; quantiles B (1 - (1-p)/phi) above p = 1 - phi.",
  factors: [
    { name: "replicas", description: "gateway replicas", levels: [1, 3] },
    {
      name: "policy",
      description: "balancer policy",
      levels: POLICIES,
      quick: ["round-robin", "least-conn"],
    },
    { name: "front", description: "balancer", levels: ["nginx", "caddy"] },
    { name: "mode", description: "where the work runs", levels: ["inline", "offload"] },
  ],
  method:
    `GET /api/users at ${RATE}/s, open loop, kept alive, from 47 client addresses; one GET /api/cpu-bound ` +
    "of B = 3 s (quick: 1.3 s) on top. Latency from the intended send time. Active checks of the front and load shedding are off.",
  trials: { full: 5, quick: 3 },

  // One replica leaves a policy nothing to choose, offloaded work nothing to contain. Quick runs keep what the claims
  // are about.
  includes: ({ replicas, policy, front, mode }, quick) => {
    if ((replicas === 1 || mode === "offload") && policy !== "round-robin") return false;
    if (!quick) return true;
    return front === "nginx"
      ? replicas === 1 || mode === "inline"
      : replicas === 3 && mode === "inline" && policy === "round-robin";
  },
  // Theory knows neither shedding nor a front that looks: `failover` and the gateway's own tests do.
  stack: () => ({ activeCheckMs: 3_600_000, gatewayEnv: { SHEDDING: "off" } }),
  arrange: async (stack, { replicas, policy, front }) => {
    await stack.scale({ gateway: Number(replicas) });
    await setFront(stack, { kind: front as FrontKind, policy: policy as Policy });
  },
  secondsPerTrial: (_levels, quick) => phases(quick).runMs / 1000 + 1.5,

  async run(trial) {
    const { leadMs, blockMs, runMs } = phases(trial.quick);
    const { url } = trial.stack;
    const light = await trial.probe("light", {
      targets: clientAddresses.map((localAddress) => ({
        url: `${url}/api/users?limit=1`,
        localAddress,
      })),
      ratePerSecond: RATE,
      durationSeconds: runMs / 1000,
      // The prober shares the cores with what it measures; 50 ms is far below every delay of interest here.
      maxLateMs: 50,
    });
    await trial.sleep(leadMs);
    await block(trial, `${url}/api/cpu-bound?ms=${blockMs}&mode=${trial.levels.mode}`);
    await light.result;
    trial.observe("blockMs", blockMs);
    trial.observe("runMs", runMs);
  },

  analyse,
};

async function block(trial: TrialContext, url: string): Promise<void> {
  const atMs = trial.elapsedMs();
  const response = await fetch(url, { signal: trial.signal });
  await response.body?.cancel();
  if (response.status !== 200) {
    trial.warn("block-failed", `The CPU-bound request got status ${response.status}`, "invalid");
  }
  trial.event({
    kind: "block",
    text: `CPU work, ${trial.levels.mode}`,
    atMs,
    untilMs: trial.elapsedMs(),
    instance: response.headers.get("x-instance-id") ?? "unknown",
  });
}

const light = (trial: TrialEvidence) => trial.samples("light");
const p99 = (trial: TrialEvidence) => latencyMs(light(trial), 0.99);

function analyse(evidence: Evidence): Analysis {
  const cells = evidence.cells();
  const metrics = cells.flatMap((levels) => metricsOf(evidence, levels));
  const verdicts = [theoryVerdict(metrics), containVerdict(evidence), cureVerdict(evidence)];
  const headline = headlineOf(evidence, verdicts);
  return {
    answer: headline.length === 0
      ? "The levels of this run compare nothing; see the measures."
      : headline.map(({ lever, ratio }) => `${lever}: ${formatInterval(ratio, "ratio")}`).join(
        "; ",
      ) +
        " lower p99 of everybody else.",
    verdicts,
    headline,
    metrics,
    charts: chartsOf(evidence, metrics),
  };
}

/** Theory speaks of inline work under round-robin, and of one replica under any policy. */
function blockOf(evidence: Evidence, levels: Levels): Block | null {
  const [first] = evidence.where(levels);
  const { mode, policy, replicas } = levels;
  if (!first || mode !== "inline" || (policy !== "round-robin" && replicas !== 1)) return null;
  return {
    replicas: Number(replicas),
    blockMs: first.number("blockMs"),
    runMs: first.number("runMs"),
  };
}

function metricsOf(evidence: Evidence, levels: Levels): Metric[] {
  const block = blockOf(evidence, levels);
  const better = "lower";
  return [
    evidence.metric(
      {
        ...{
          name: "delayed-share",
          title: `Requests over ${DELAYED_MS} ms`,
          unit: "share",
          better,
        },
        theory: block && delayedShareAbove(block, DELAYED_MS),
      },
      levels,
      (trial) => shareAbove(light(trial), DELAYED_MS),
    ),
    evidence.metric(
      {
        name: "mean",
        title: "Mean latency",
        unit: "ms",
        better,
        theory: block && addedMeanMs(block),
      },
      levels,
      (trial) => meanLatencyMs(light(trial)),
    ),
    ...([0.5, 0.95, 0.99] as const).map((p) =>
      evidence.metric(
        {
          ...{ name: `p${p * 100}`, title: `p${p * 100} latency`, unit: "ms", better },
          theory: block && p > 0.5 ? addedQuantileMs(block, p) : null,
        },
        levels,
        (trial) => latencyMs(light(trial), p),
      )
    ),
  ];
}

function theoryVerdict(metrics: readonly Metric[]): Verdict {
  const judged = metrics.filter(({ levels, name, theory }) =>
    levels.replicas === 3 && theory !== null && ["delayed-share", "p95", "p99"].includes(name)
  );
  return {
    hypothesis: "round-robin-theory",
    outcome: allOf(judged.map(({ value, theory }) => within(value, theory ?? 0, TOLERANCE))),
    sentence: judged.length === 0 ? "Not measured in this run." : judged.map((metric) => {
      const { levels, title, value, theory, unit } = metric;
      return `${levels.front} ${title} ${formatInterval(value, unit)} (theory ${
        formatValue(theory ?? 0, unit)
      })`;
    }).join("; ") + ".",
  };
}

function containVerdict(evidence: Evidence): Verdict {
  const cell = { replicas: 3, mode: "inline" };
  const ratio = evidence.ratio({
    numerator: { ...cell, policy: "round-robin" },
    denominator: { ...cell, policy: "least-conn" },
  }, p99);
  return ratioVerdict("least-conn-contains", ratio, 10, "lower p99 with least-conn");
}

function cureVerdict(evidence: Evidence): Verdict {
  const ratio = evidence.ratio({
    numerator: { replicas: 1, mode: "inline" },
    denominator: { replicas: 1, mode: "offload" },
  }, p99);
  return ratioVerdict("offload-cures", ratio, 100, "lower p99 with the work offloaded");
}

function headlineOf(evidence: Evidence, verdicts: readonly Verdict[]): HeadlineRow[] {
  const measure = "p99 of light requests while one request blocks";
  const base = { measure, unit: "ms", better: "lower", value: p99 } as const;
  const one = { replicas: 1, mode: "inline" };
  const three = { replicas: 3, mode: "inline", policy: "round-robin" };
  return headlineRows(evidence, verdicts, [
    {
      ...{ ...base, lever: "3 replicas instead of 1, round-robin", from: one, to: three },
      hypothesis: "round-robin-theory",
    },
    {
      ...{ ...base, lever: "least-conn instead of round-robin, 3 replicas", from: three },
      to: { ...three, policy: "least-conn" },
      hypothesis: "least-conn-contains",
    },
    {
      ...{ ...base, lever: "offload the CPU work, 1 replica", from: one },
      to: { ...one, mode: "offload" },
      hypothesis: "offload-cures",
    },
  ]);
}

function label({ replicas, policy, front, mode }: Levels): string {
  return `${replicas === 1 ? "1 replica" : `3 x ${policy}`}, ${front}, ${mode}`;
}

function chartsOf(evidence: Evidence, metrics: readonly Metric[]): Chart[] {
  const cells = evidence.cells().toSorted((a, b) => label(a).localeCompare(label(b)));
  const p99s = cells.flatMap((levels) =>
    metrics.filter((metric) => metric.name === "p99" && metric.levels === levels)
  );
  const shown =
    cells.find(({ policy, replicas, mode }) =>
      policy === "round-robin" && replicas === 3 && mode === "inline"
    ) ?? cells[0];
  const example = shown && evidence.where(shown)[0];
  return [
    {
      kind: "bars",
      id: "p99-by-cell",
      title: "p99 of light requests by cell",
      alternative: p99s.map(({ levels, value }) =>
        `${label(levels)}: ${formatInterval(value, "ms")}`
      ).join("; "),
      axis: { label: "p99 latency", unit: "ms" },
      scale: "log",
      rows: p99s.map(({ levels, value, theory }) => ({
        label: label(levels),
        group: String(levels.front),
        value,
        theory,
      })),
    },
    {
      kind: "spectrum",
      id: "spectrum",
      title: "Latency of light requests by percentile",
      alternative: "The share of requests that each cell delays, and for how long: " +
        p99s.map(({ levels, value }) => `${label(levels)} p99 ${formatValue(value.estimate, "ms")}`)
          .join("; "),
      series: cells.filter(({ front }) => front === (shown?.front ?? front)).map((levels) => ({
        label: label(levels),
        paths: evidence.where(levels).map((trial) => trial.path("light")),
      })),
    },
    ...(shown && example
      ? [{
        kind: "scatter" as const,
        id: "triangle",
        title: `One trial: ${label(shown)}`,
        alternative:
          "Latency by send time. Requests that met the blocked replica form a triangle: each waits " +
          "for what is left of the block; all others lie at the bottom.",
        series: [{ label: label(shown), paths: [example.path("light")] }],
        events: example.record.events,
      }]
      : []),
  ];
}
