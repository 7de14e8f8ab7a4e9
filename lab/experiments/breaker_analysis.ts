/**
 * What `breaker` concludes from its records.
 *
 * @module
 */
import { type Evidence, type TrialEvidence, within } from "../evidence.ts";
import type { Analysis } from "../experiment.ts";
import { ceilingVerdict, cellName, headlineRows, listing, ratioVerdict } from "../findings.ts";
import { isGood, type Sample } from "../load/sample.ts";
import { latencyMs } from "../measures_of_samples.ts";
import { formatInterval } from "../report/format.ts";
import type { Levels, Metric, Verdict } from "../results.ts";

/**
 * From here on a fault has its full effect: what hangs has failed (2 s) and opened the breaker, and of errors there have
 * been enough to open it.
 */
export const SETTLE_MS: Readonly<Record<string, number>> = { hang: 2_700, error: 1_200 };
/** The first requests open connections; they are no measure of what is usual. */
const START_MS = 300;
/** This many good answers in a row are a recovery. */
const RECOVERED_AFTER = 10;
/** Retries of one request at most (kit/upstream.ts). */
export const MAX_RETRIES = 2;
/** Retries that the budget allows, for each request (kit/upstream/budget.ts). */
export const BUDGET_RATIO = 0.2;
/**
 * Retries of a counted time that may exceed the budget: one for the remainder that is saved, and those that were granted
 * before and sent after the count began (kit/upstream/budget.ts lets 3 be under way).
 */
export const BUDGET_SLACK = 4;
/** How far from theory a measure may be: as everywhere in the lab. */
const TOLERANCE = 0.1;

function during(trial: TrialEvidence, label: string): readonly Sample[] {
  const from = trial.number("faultAtMs") + (SETTLE_MS[String(trial.record.levels.fault)] ?? 0);
  const to = trial.number("recoveredAtMs");
  return trial.samples(label).filter(({ intendedMs }) => intendedMs >= from && intendedMs < to);
}

const victimP50 = (trial: TrialEvidence) => latencyMs(during(trial, "orders"), 0.5);

/** How much slower bystanders are during the fault than before it and after it, in the same trial. */
function bystanderRatio(trial: TrialEvidence): number {
  const from = trial.number("faultAtMs");
  const to = trial.number("recoveredAtMs");
  const quiet = trial.samples("users")
    .filter(({ intendedMs }) => intendedMs >= START_MS && (intendedMs < from || intendedMs >= to));
  return latencyMs(during(trial, "users"), 0.99) / latencyMs(quiet, 0.99);
}

function amplification(trial: TrialEvidence): number {
  const from = trial.number("faultAtMs");
  const to = trial.number("recoveredAtMs");
  const requests = trial.samples("orders")
    .filter(({ intendedMs }) => intendedMs >= from && intendedMs < to);
  return trial.number("attempts") / requests.length;
}

/** Requests of the settled fault that were attempted: each has one attempt that is no retry. */
const attempted = (trial: TrialEvidence) =>
  trial.number("settledAttempts") - trial.number("settledRetries");
/** Attempts a request that was attempted, counted by the gateway itself. */
const storm = (trial: TrialEvidence) => trial.number("settledAttempts") / attempted(trial);
const STORM = { fault: "error", protection: "no-breaker-no-budget" };
const BOUNDED = { fault: "error", protection: "no-breaker" };

/** A budget bounds every trial, not their mean: one that exceeds it refutes it. */
function budgetVerdict(evidence: Evidence, storms: readonly Metric[]): Verdict {
  const trials = evidence.where(BOUNDED);
  const kept = trials.every((trial) =>
    trial.number("settledRetries") <= BUDGET_RATIO * attempted(trial) + BUDGET_SLACK
  );
  return {
    hypothesis: "budget-bounds",
    outcome: trials.length === 0 ? "inconclusive" : kept ? "held" : "failed",
    sentence: `${listing(storms)}.`,
  };
}

/** From the service's recovery to the first of ten good answers in a row; to the trial's end when there are none. */
function recoveryMs(trial: TrialEvidence): number {
  const from = trial.number("recoveredAtMs");
  const after = trial.samples("orders").filter(({ intendedMs }) => intendedMs >= from);
  const first = after.findIndex((_, i) =>
    i + RECOVERED_AFTER <= after.length && after.slice(i, i + RECOVERED_AFTER).every(isGood)
  );
  return (after[first]?.intendedMs ?? trial.record.durationMs) - from;
}

/** Judges the claims of `breaker`. */
export function analyseBreaker(evidence: Evidence): Analysis {
  const cells = evidence.cells().toSorted((a, b) => cellName(a).localeCompare(cellName(b)));
  const metrics = cells.flatMap((levels) => metricsOf(evidence, levels));
  const all = (name: string) =>
    metrics.filter((metric) => metric.name === name && metric.levels.protection === "all");
  const ratio = evidence.ratio({
    numerator: { protection: "no-breaker", fault: "hang" },
    denominator: { protection: "all", fault: "hang" },
  }, victimP50);
  const storms = metrics.filter(({ name }) => name === "storm");
  const stormRatio = evidence.ratio({ numerator: STORM, denominator: BOUNDED }, storm);
  const verdicts: Verdict[] = [
    ceilingVerdict("fails-fast", all("victim-p99"), 10),
    ratioVerdict("breaker-helps", ratio, 50, "longer (p50) without the breaker"),
    ceilingVerdict("bystanders-unharmed", all("bystander-ratio"), 1.5),
    ceilingVerdict("no-amplification", all("amplification"), 1.2),
    ceilingVerdict("recovers", all("recovery"), 8_000),
    budgetVerdict(evidence, storms),
    {
      hypothesis: "storm-without-budget",
      outcome: within(stormRatio, (1 + MAX_RETRIES) / (1 + BUDGET_RATIO), TOLERANCE),
      sentence: stormRatio
        ? `${formatInterval(stormRatio, "ratio")} the attempts without the budget; ${
          listing(storms)
        }.`
        : `${listing(storms)}.`,
    },
  ];
  const headline = headlineRows(evidence, verdicts, [{
    lever: "circuit breaker, while a service hangs",
    measure: "p50 of requests to the hanging service",
    unit: "ms",
    better: "lower",
    from: { protection: "no-breaker", fault: "hang" },
    to: { protection: "all", fault: "hang" },
    value: victimP50,
    hypothesis: "breaker-helps",
  }, {
    lever: "retry budget, while a service fails and nothing else protects it",
    measure: "attempts a request that reach it",
    unit: "ratio",
    better: "lower",
    from: STORM,
    to: BOUNDED,
    value: storm,
    hypothesis: "storm-without-budget",
  }]);
  return {
    answer: `With everything on: ${listing([...all("victim-p50"), ...all("amplification")])}.`,
    verdicts,
    headline,
    metrics,
    charts: cells.flatMap((levels) => {
      const [trial] = evidence.where(levels);
      return trial
        ? [{
          kind: "timeline" as const,
          id: `timeline-${Object.values(levels).join("-")}`,
          title: `${cellName(levels)}: one trial`,
          alternative: listing(metrics.filter((metric) => metric.levels === levels)),
          series: [
            { label: "GET /api/orders (the failing service)", paths: [trial.path("orders")] },
            { label: "GET /api/users (a bystander)", paths: [trial.path("users")] },
          ],
          bucketMs: 200,
          delayedAboveMs: 250,
          events: trial.record.events,
        }]
        : [];
    }),
  };
}

function metricsOf(evidence: Evidence, levels: Levels): Metric[] {
  const better = "lower";
  return [
    evidence.metric(
      { name: "victim-p50", title: "p50 of orders during the fault", unit: "ms", better },
      levels,
      victimP50,
    ),
    evidence.metric(
      { name: "victim-p99", title: "p99 of orders during the fault", unit: "ms", better },
      levels,
      (trial) => latencyMs(during(trial, "orders"), 0.99),
    ),
    evidence.metric(
      { name: "bystander-p99", title: "p99 of users during the fault", unit: "ms", better },
      levels,
      (trial) => latencyMs(during(trial, "users"), 0.99),
    ),
    evidence.metric(
      {
        ...{ name: "bystander-ratio", title: "p99 of users during the fault, of its usual" },
        ...{ unit: "ratio", better },
      },
      levels,
      bystanderRatio,
    ),
    evidence.metric(
      { name: "amplification", title: "Attempts a client's request", unit: "ratio", better },
      levels,
      amplification,
    ),
    // Behind an open breaker nothing is attempted, and what hangs is not tried again.
    ...(levels.fault === "error" && levels.protection !== "all"
      ? [evidence.metric(
        {
          ...{ name: "storm", title: "Attempts a request that was tried", unit: "ratio", better },
          theory: 1 + (levels.protection === STORM.protection ? MAX_RETRIES : BUDGET_RATIO),
        },
        levels,
        storm,
      )]
      : []),
    evidence.metric(
      { name: "recovery", title: "Time to recover", unit: "ms", better },
      levels,
      recoveryMs,
    ),
  ];
}
