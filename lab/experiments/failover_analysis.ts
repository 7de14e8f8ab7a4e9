/**
 * What `failover` concludes from its records.
 *
 * @module
 */
import { countVerdict } from "../counts.ts";
import type { Evidence, TrialEvidence } from "../evidence.ts";
import type { Analysis } from "../experiment.ts";
import { cellName, listing } from "../findings.ts";
import { isGood, type Sample } from "../load/sample.ts";
import { failures, latencyMs, shareAbove } from "../measures_of_samples.ts";
import type { Levels, Metric, Verdict } from "../results.ts";

/** A request slower than this was delayed. */
export const DELAYED_MS = 250;
/** From so long after a kill on, nobody must notice it. */
export const RECOVERY_MS = 1_000;
/** The actions that are deaths, not changes. */
export const KILLS: readonly string[] = ["kill-1", "kill-2"];

const isKill = ({ action }: Levels) => KILLS.includes(String(action));
const light = (trial: TrialEvidence) => trial.samples("light");

const hurt = (sample: Sample) => !isGood(sample) || sample.latencyMs > DELAYED_MS;

/** Requests that were sent when the action should have been over for everybody. */
function settled(trial: TrialEvidence): Sample[] {
  const from = trial.number("actionAtMs") + RECOVERY_MS;
  return light(trial).filter(({ intendedMs }) => intendedMs >= from);
}

/** From the action's start to the end of the last request that failed or was delayed; 0 when none was. */
function recoveryMs(trial: TrialEvidence): number {
  const from = trial.number("actionAtMs");
  return light(trial).filter(hurt)
    .reduce((last, { intendedMs, latencyMs }) => Math.max(last, intendedMs + latencyMs - from), 0);
}

/** Judges the claims of `failover`. */
export function analyseFailover(evidence: Evidence): Analysis {
  const cells = evidence.cells().toSorted((a, b) => cellName(a).localeCompare(cellName(b)));
  const metrics = cells.flatMap((levels) => metricsOf(evidence, levels));
  /** What must never be, over all kills or all changes. */
  const never = (name: string, kills: boolean, requests: typeof light) => ({
    metrics: metrics.filter((metric) => metric.name === name && isKill(metric.levels) === kills),
    of: evidence.trials.filter(({ record }) => isKill(record.levels) === kills)
      .reduce((sum, trial) => sum + requests(trial).length, 0),
    what: "requests",
  });
  const verdicts: Verdict[] = [
    countVerdict("changes-are-free", never("failed", false, light)),
    countVerdict("kills-are-free", never("failed", true, light)),
    countVerdict("kills-recover", never("not-recovered", true, settled)),
  ];
  const failed = metrics.filter(({ name }) => name === "failed");
  const sum = failed.reduce(
    (total, { perTrial }) => total + perTrial.reduce((all, { value }) => all + value, 0),
    0,
  );
  const requests = evidence.trials.reduce((total, trial) => total + light(trial).length, 0);
  return {
    answer: `${sum} of ${requests} requests failed over ${evidence.trials.length} trials.`,
    verdicts,
    headline: [],
    metrics,
    charts: cells.flatMap((levels) => {
      const [trial] = evidence.where(levels);
      return trial ? [timelineOf(trial, levels, metrics)] : [];
    }),
  };
}

function metricsOf(evidence: Evidence, levels: Levels): Metric[] {
  const better = "lower";
  return [
    evidence.metric(
      { name: "failed", title: "Failed requests", unit: "count", better, theory: 0 },
      levels,
      (trial) => failures(light(trial)),
    ),
    evidence.metric(
      { name: "retried", title: "Resends by the client", unit: "count", better },
      levels,
      (trial) => light(trial).reduce((sum, { retries }) => sum + retries, 0),
    ),
    evidence.metric(
      { name: "delayed", title: `Requests over ${DELAYED_MS} ms`, unit: "share", better },
      levels,
      (trial) => shareAbove(light(trial), DELAYED_MS),
    ),
    evidence.metric(
      { name: "p99", title: "p99 latency", unit: "ms", better },
      levels,
      (trial) => latencyMs(light(trial), 0.99),
    ),
    evidence.metric(
      { name: "recovery", title: "Time to recover", unit: "ms", better },
      levels,
      recoveryMs,
    ),
    evidence.metric(
      {
        ...{ name: "not-recovered", title: "Failed or delayed after 1 s", unit: "count", better },
        theory: isKill(levels) ? 0 : null,
      },
      levels,
      (trial) => settled(trial).filter(hurt).length,
    ),
  ];
}

function timelineOf(
  trial: TrialEvidence,
  levels: Levels,
  metrics: readonly Metric[],
): Analysis["charts"][number] {
  const own = metrics.filter((metric) => metric.levels === levels);
  return {
    kind: "timeline",
    id: `timeline-${Object.values(levels).join("-")}`,
    title: `${cellName(levels)}: one trial`,
    alternative: listing(own),
    series: [{ label: cellName(levels), paths: [trial.path("light")] }],
    bucketMs: 100,
    delayedAboveMs: DELAYED_MS,
    events: trial.record.events,
  };
}
