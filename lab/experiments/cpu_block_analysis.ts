/**
 * What `cpu-block` concludes from its records.
 *
 * @module
 */
import { allOf, type Evidence, type TrialEvidence, within } from "../evidence.ts";
import type { Analysis } from "../experiment.ts";
import { type Comparison, headlineRows } from "../findings.ts";
import { byFront, frontsVerdict, ratioByFront } from "../fronts.ts";
import { latencyMs, meanLatencyMs, shareAbove } from "../measures_of_samples.ts";
import { formatInterval, formatValue } from "../report/format.ts";
import type { Chart, HeadlineRow, Levels, Metric, Verdict } from "../results.ts";
import {
  addedMeanMs,
  addedQuantileMs,
  type Block,
  delayedShareAbove,
} from "../stats/blocked_replica.ts";

/** A request slower than this was delayed by the block. */
const DELAYED_MS = 100;
/** How far from theory a measure may be. */
const TOLERANCE = 0.1;

const light = (trial: TrialEvidence) => trial.samples("light");
const p99 = (trial: TrialEvidence) => latencyMs(light(trial), 0.99);

/** Judges the claims of `cpu-block`. */
export function analyseCpuBlock(evidence: Evidence): Analysis {
  const cells = evidence.cells();
  const metrics = cells.flatMap((levels) => metricsOf(evidence, levels));
  const verdicts = [theoryVerdict(metrics), containVerdict(evidence), cureVerdict(evidence)];
  const headline = headlineOf(evidence, verdicts);
  return {
    answer: headline.length === 0
      ? "The levels of this run compare nothing; see the verdicts for what they need."
      : "How much lower the p99 of everybody else is: " +
        headline.map(({ lever, ratio }) => `${lever} ${formatValue(ratio.estimate, "ratio")}`)
          .join("; ") +
        ".",
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
    sentence: judged.length === 0
      ? "Not measured in this run: it needs 3 replicas, round-robin, inline."
      : judged.map((metric) => {
        const { levels, title, value, theory, unit } = metric;
        return `${levels.front} ${title} ${formatInterval(value, unit)} (theory ${
          formatValue(theory ?? 0, unit)
        })`;
      }).join("; ") + ".",
  };
}

/** Judged behind each front: one that fails must not hide behind the other. */
function containVerdict(evidence: Evidence): Verdict {
  const cell = { replicas: 3, mode: "inline" };
  const ratios = ratioByFront(evidence, {
    numerator: { ...cell, policy: "round-robin" },
    denominator: { ...cell, policy: "least-conn" },
  }, p99);
  return frontsVerdict("least-conn-contains", ratios, {
    bound: 10,
    what: "lower p99 with least-conn",
    needs: "round-robin with least-conn, 3 replicas, inline",
    oneSided: true, // quick runs hold Caddy against theory only
  });
}

function cureVerdict(evidence: Evidence): Verdict {
  const ratios = ratioByFront(evidence, {
    numerator: { replicas: 1, mode: "inline" },
    denominator: { replicas: 1, mode: "offload" },
  }, p99);
  return frontsVerdict("offload-cures", ratios, {
    bound: 100,
    what: "lower p99 with the work offloaded",
    needs: "inline with offload, 1 replica",
    oneSided: true,
  });
}

function headlineOf(evidence: Evidence, verdicts: readonly Verdict[]): HeadlineRow[] {
  const measure = "p99 of light requests while one request blocks";
  const base = { measure, unit: "ms", better: "lower", value: p99 } as const;
  const one = { replicas: 1, mode: "inline" };
  const three = { replicas: 3, mode: "inline", policy: "round-robin" };
  const contained = { ...three, policy: "least-conn" };
  const comparisons: Comparison[] = [
    {
      ...{ ...base, lever: "3 replicas instead of 1, round-robin", from: one, to: three },
      hypothesis: "round-robin-theory",
    },
    {
      ...{ ...base, lever: "3 replicas instead of 1, least-conn", from: one, to: contained },
      hypothesis: "least-conn-contains",
    },
    {
      ...{ ...base, lever: "least-conn instead of round-robin, 3 replicas", from: three },
      ...{ to: contained, hypothesis: "least-conn-contains" },
    },
    {
      ...{ ...base, lever: "offload the CPU work, 1 replica", from: one },
      to: { ...one, mode: "offload" },
      hypothesis: "offload-cures",
    },
  ];
  return headlineRows(
    evidence,
    verdicts,
    comparisons.flatMap((comparison) => byFront(evidence, comparison)),
  );
}

function label({ replicas, policy, front, mode }: Levels): string {
  return `${replicas === 1 ? "1 replica" : `3 x ${policy}`}, ${front}, ${mode}`;
}

function chartsOf(evidence: Evidence, metrics: readonly Metric[]): Chart[] {
  // nginx first: bars of one front stay together, and the example is of the front that quick runs cover best.
  const key = (levels: Levels) => `${levels.front === "nginx" ? 0 : 1} ${label(levels)}`;
  const cells = evidence.cells().toSorted((a, b) => key(a).localeCompare(key(b)));
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
