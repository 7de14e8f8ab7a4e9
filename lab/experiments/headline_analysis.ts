/**
 * What `headline` concludes from its records.
 *
 * @module
 */
import { type Evidence, within } from "../evidence.ts";
import type { Analysis } from "../experiment.ts";
import { listing } from "../findings.ts";
import { formatValue } from "../report/format.ts";
import type { Interval, Metric, Verdict } from "../results.ts";
import { binomialRange } from "../stats/binomial.ts";
import { meanInterval } from "../stats/interval.ts";
import { percentile } from "../stats/percentile.ts";

/** What the document reports. */
const CLAIMED = 457;
/** Addresses that lead nowhere, of three. */
export const DEAD = 2;
/** nginx's default of `proxy_connect_timeout`. */
const DEFAULT_CONNECT_MS = 60_000;
/** A probe behind three replicas meets the blocked one with this probability, so the number that do is binomial. */
const MEETS = 1 / 3;
/** A true claim fails once in a hundred runs. */
export const BINOMIAL_LEVEL = 0.99;

/** How many of so many probes meet the blocked replica, if nothing but chance decides. */
export function expectedToMeet(probes: number): { low: number; high: number } {
  return binomialRange(probes, MEETS, BINOMIAL_LEVEL);
}

/** The connect timeout of a case such as `stale 250 ms`. */
export function staleMs(name: string | number | undefined): number {
  return Number(/\d+/.exec(String(name))?.[0] ?? NaN);
}

/** Judges the claims of `headline`. */
export function analyseHeadline(evidence: Evidence): Analysis {
  const improvements = improvementsOf(evidence);
  const spread = percentile(improvements, 0.95) / percentile(improvements, 0.05);
  const none = improvements.filter((factor) => factor < 3).length;
  const expected = expectedToMeet(improvements.length);
  const stale = evidence.cells().filter(({ case: name }) => String(name).startsWith("stale"))
    .map((levels) =>
      evidence.metric(
        {
          ...{ name: "first-request", title: "First request", unit: "ms", better: "lower" },
          theory: DEAD * staleMs(levels.case),
        },
        levels,
        (trial) => trial.number("firstMs"),
      )
    );
  const measured = improvements.length > 0;
  const range = measured
    ? `${formatValue(percentile(improvements, 0.05), "ratio")} to ${
      formatValue(percentile(improvements, 0.95), "ratio")
    }`
    : "nothing";
  const verdicts: Verdict[] = [
    {
      hypothesis: "one-probe-says-anything",
      outcome: measured ? spread > 10 ? "held" : "failed" : "inconclusive",
      sentence: `${improvements.length} repetitions reported ${range} (5th to 95th percentile).`,
    },
    {
      hypothesis: "a-third-finds-none",
      outcome: !measured
        ? "inconclusive"
        : none >= expected.low && none <= expected.high
        ? "held"
        : "failed",
      sentence:
        `${none} of ${improvements.length} probes found less than 3x (theory: ${expected.low} to ` +
        `${expected.high}).`,
    },
    staleVerdict(stale),
  ];
  return {
    answer:
      `The document's method reports anything from ${range}; stale addresses make a first request wait ` +
      `${DEAD} connect timeouts, which are ${
        DEAD * DEFAULT_CONNECT_MS / 1000
      } s at nginx's default.`,
    verdicts,
    headline: [],
    metrics: [...probeMetrics(evidence), ...stale],
    charts: [
      ...(measured ? [histogramOf(improvements, range)] : []),
      ...(stale.length > 0 ? [staleChart(stale)] : []),
    ],
  };
}

function latencies(evidence: Evidence, name: string): number[] {
  return evidence.where({ case: name })
    .flatMap(({ record }) => record.data.latenciesMs as number[]);
}

/** What the document would have reported each time: the i-th probe of 1 replica over the i-th of 3. */
function improvementsOf(evidence: Evidence): number[] {
  const three = latencies(evidence, "3 replicas");
  return latencies(evidence, "1 replica").flatMap((one, i) => {
    const other = three[i];
    return other === undefined ? [] : [one / other];
  });
}

function probeMetrics(evidence: Evidence): Metric[] {
  return ["1 replica", "3 replicas"].filter((name) => evidence.has({ case: name })).map((name) =>
    evidence.metric(
      { name: "median-probe", title: "Median probe", unit: "ms", better: "lower" },
      { case: name },
      ({ record }) => percentile(record.data.latenciesMs as number[], 0.5),
    )
  );
}

/** One trial a level is enough where three levels must all obey: the levels are the repetition. */
function staleVerdict(stale: readonly Metric[]): Verdict {
  const shares: Interval = meanInterval(
    stale.flatMap(({ perTrial, theory }) => perTrial.map(({ value }) => value / (theory ?? NaN))),
  );
  return {
    hypothesis: "stale-names-wait",
    outcome: within(shares, 1, 0.1),
    sentence: `${listing(stale)}.`,
  };
}

function histogramOf(improvements: readonly number[], range: string): Analysis["charts"][number] {
  return {
    kind: "histogram",
    id: "improvements",
    title: "Improvements that one probe reports",
    alternative:
      `${improvements.length} improvements between ${range}; a cluster near 1x met the blocked replica, the rest an ` +
      "idle one, and its size depends on how long the block is and nothing else.",
    axis: { label: "Improvement, 1 replica over 3", unit: "x" },
    scale: "log",
    series: [{ label: "one probe each", values: [...improvements] }],
    marks: [{ value: CLAIMED, text: `the document: ${CLAIMED}x` }],
  };
}

function staleChart(stale: readonly Metric[]): Analysis["charts"][number] {
  return {
    kind: "bars",
    id: "stale",
    title: "First request with 2 of 3 addresses dead, no CPU work",
    alternative: listing(stale),
    axis: { label: "Latency", unit: "ms" },
    scale: "linear",
    rows: stale.map(({ levels, value, theory }) => ({ label: String(levels.case), value, theory })),
  };
}
