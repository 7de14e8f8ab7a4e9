/**
 * `shedding`: one replica is offered half as much again as it can do, and may refuse or not.
 *
 * @module
 */
import type { Evidence, TrialEvidence } from "../evidence.ts";
import type { Analysis, Experiment } from "../experiment.ts";
import { ceilingVerdict, floorVerdict, headlineRows, listing, ratioVerdict } from "../findings.ts";
import { isGood, type Sample } from "../load/sample.ts";
import { latencyMs } from "../measures_of_samples.ts";
import { formatInterval } from "../report/format.ts";
import type { Levels, Metric, Verdict } from "../results.ts";

/**
 * Work of a request. Much more, and a replica does so few a second that the shedder cannot judge: it wants 25 requests in
 * a window of 250 ms. At 5 ms on a busy machine (100/s) it refused nothing in
 * one of two trials.
 */
const WORK_MS = 2;
/** What is offered, as a multiple of the capacity. */
const OVERLOAD = 1.5;
/** An answer that comes later is of no use to anybody. */
const DEADLINE_MS = 250;
const TIMEOUT_MS = 10_000;

/** The overload is judged from `settleMs` on: a queue must stand for a second before anything is refused. */
const phases = (quick: boolean) =>
  quick
    ? { capacitySeconds: 0.5, overloadMs: 2_100, settleMs: 1_500 }
    : { capacitySeconds: 1, overloadMs: 5_000, settleMs: 2_000 };

/** The experiment. */
export const shedding: Experiment = {
  name: "shedding",
  title: "Refusing what is too much",
  question: "What do clients of an overloaded replica get when it refuses some of them?",
  hypotheses: [
    {
      id: "keeps-goodput",
      text: `With shedding, at least 80 % of the capacity is answered within ${DEADLINE_MS} ms`,
    },
    {
      id: "collapses-without",
      text: `Without it, at most 10 % of the capacity is answered within ${DEADLINE_MS} ms`,
    },
    {
      id: "accepts-quickly",
      text: "The p99 of what is answered is at least 5 times lower with shedding",
    },
    { id: "refuses-quickly", text: "A refusal takes at most 100 ms (p99)" },
  ],
  theory:
    `Offered ${OVERLOAD} times the capacity, a queue grows by ${
      OVERLOAD - 1
    } s each second: without refusals nothing ` +
    `is in time once ${DEADLINE_MS} ms of it stand, although the replica never rests. With them a share of ` +
    `1 - 1/${OVERLOAD} is refused and the rest finds a short queue.`,
  factors: [
    { name: "shedding", description: "whether the gateway may refuse", levels: ["off", "on"] },
  ],
  method:
    "One gateway replica behind nginx. GET /api/cpu-bound inline, a fixed number of rounds that take an idle core about " +
    `${WORK_MS} ms. Its capacity is measured by two closed-loop clients, then ${OVERLOAD} times that is offered, open ` +
    "loop, for 5 s (quick: 2.1 s). Judged is what was sent from 2 s (1.5 s) on.",
  trials: { full: 4, quick: 2 },
  stack: ({ shedding }) => ({ replicas: 1, gatewayEnv: { SHEDDING: String(shedding) } }),
  secondsPerTrial: ({ shedding }, quick) => {
    const { capacitySeconds, overloadMs } = phases(quick);
    const drainMs = shedding === "off" ? (OVERLOAD - 1) * overloadMs : 0;
    return capacitySeconds + (overloadMs + drainMs) / 1000 + 0.4;
  },

  async run(trial) {
    const { capacitySeconds, overloadMs, settleMs } = phases(trial.quick);
    const { rounds } = await trial.cpuWork(WORK_MS);
    const url = `${trial.stack.url}/api/cpu-bound?rounds=${rounds}&mode=inline`;
    const { goodputPerSecond } = await trial.oha("capacity", {
      url,
      mode: "closed",
      durationSeconds: capacitySeconds,
      connections: 2, // one is worked on, one waits: busy, and no queue
    });
    const atMs = trial.elapsedMs();
    const overload = await trial.probe("overload", {
      url,
      ratePerSecond: OVERLOAD * goodputPerSecond,
      durationSeconds: overloadMs / 1000,
      timeoutMs: TIMEOUT_MS,
      // Without shedding delays are of seconds.
      maxLateMs: trial.levels.shedding === "off" ? 50 : 20,
    });
    await overload.result;
    trial.event({
      ...{ kind: "overload", text: `${OVERLOAD} times the capacity` },
      ...{ atMs, untilMs: atMs + overloadMs },
    });
    trial.observe("capacityPerSecond", goodputPerSecond);
    trial.observe("overloadMs", overloadMs);
    trial.observe("settleMs", settleMs);
  },

  analyse,
};

const all = (trial: TrialEvidence) => trial.samples("overload");
const isRefusal = ({ status }: Sample) => status === 503;

/** What was sent once the overload has lasted a while. */
function settled(trial: TrialEvidence): Sample[] {
  const from = (all(trial)[0]?.intendedMs ?? 0) + trial.number("settleMs");
  return all(trial).filter(({ intendedMs }) => intendedMs >= from);
}

const inTime = (samples: readonly Sample[]) =>
  samples.filter((sample) => isGood(sample) && sample.latencyMs <= DEADLINE_MS).length;

/** Answers in time, of what the replica could have done meanwhile. */
function goodput(trial: TrialEvidence): number {
  const seconds = (trial.number("overloadMs") - trial.number("settleMs")) / 1000;
  return inTime(settled(trial)) / (seconds * trial.number("capacityPerSecond"));
}

/** Answers in time a second of the whole overload, its beginning included. */
function goodputPerSecond(trial: TrialEvidence): number {
  return inTime(all(trial)) / (trial.number("overloadMs") / 1000);
}

function acceptedP99(trial: TrialEvidence): number {
  const accepted = settled(trial).filter(isGood);
  return accepted.length > 0 ? latencyMs(accepted, 0.99) : TIMEOUT_MS;
}

const refusals = (trial: TrialEvidence) => settled(trial).filter(isRefusal);

/** The p99 that a queue gives which grows as it must. */
function queueP99(evidence: Evidence, levels: Levels): number | null {
  const [trial] = evidence.where(levels);
  if (!trial || levels.shedding !== "off") return null;
  const [settleMs, overloadMs] = [trial.number("settleMs"), trial.number("overloadMs")];
  return (OVERLOAD - 1) * (settleMs + 0.99 * (overloadMs - settleMs));
}

function metricsOf(evidence: Evidence, levels: Levels): Metric[] {
  const on = levels.shedding === "on";
  const better = "lower";
  const measured = [
    evidence.metric(
      {
        ...{ name: "goodput", title: `Answers within ${DEADLINE_MS} ms, of the capacity` },
        // Not a share: the capacity is measured too, and may come out lower.
        ...{ unit: "ratio", better: "higher", theory: on ? 1 : 0 },
      },
      levels,
      goodput,
    ),
    evidence.metric(
      {
        ...{ name: "goodput-per-second", title: `Answers within ${DEADLINE_MS} ms` },
        ...{ unit: "requests/s", better: "higher" },
      },
      levels,
      goodputPerSecond,
    ),
    evidence.metric(
      {
        ...{ name: "accepted-p99", title: "p99 of what was answered", unit: "ms", better },
        theory: queueP99(evidence, levels),
      },
      levels,
      acceptedP99,
    ),
    evidence.metric(
      {
        ...{ name: "refused", title: "Refused", unit: "share", better: "neither" },
        theory: on ? 1 - 1 / OVERLOAD : 0,
      },
      levels,
      (trial) => refusals(trial).length / settled(trial).length,
    ),
  ];
  if (!evidence.where(levels).every((trial) => refusals(trial).length > 0)) return measured;
  return [
    ...measured,
    ...[0.5, 0.99].map((p) =>
      evidence.metric(
        {
          ...{ name: `refused-p${100 * p}`, title: `p${100 * p} of refusals`, unit: "ms", better },
        },
        levels,
        (trial) => latencyMs(refusals(trial), p),
      )
    ),
  ];
}

function analyse(evidence: Evidence): Analysis {
  const cells = evidence.cells();
  const metrics = cells.flatMap((levels) => metricsOf(evidence, levels));
  const pick = (name: string, shedding: string) =>
    metrics.filter((metric) => metric.name === name && metric.levels.shedding === shedding);
  const [off, on] = [{ shedding: "off" }, { shedding: "on" }];
  const quicker = evidence.ratio({ numerator: off, denominator: on }, acceptedP99);
  const verdicts: Verdict[] = [
    floorVerdict("keeps-goodput", pick("goodput", "on"), 0.8),
    ceilingVerdict("collapses-without", pick("goodput", "off"), 0.1),
    ratioVerdict("accepts-quickly", quicker, 5, "lower p99 of what is answered"),
    ceilingVerdict("refuses-quickly", pick("refused-p99", "on"), 100),
  ];
  const lever = `shedding, 1 replica offered ${OVERLOAD} times its capacity`;
  const headline = headlineRows(evidence, verdicts, [
    {
      ...{ lever, measure: `answers within ${DEADLINE_MS} ms, from the overload's start` },
      ...{ unit: "requests/s", better: "higher", from: off, to: on },
      ...{ value: goodputPerSecond, hypothesis: "keeps-goodput" },
    },
    {
      ...{ lever, measure: "p99 of what is answered" },
      ...{ unit: "ms", better: "lower", from: off, to: on },
      ...{ value: acceptedP99, hypothesis: "accepts-quickly" },
    },
  ]);
  const name = ({ shedding }: Levels) => `shedding ${shedding}`;
  const goodputs = metrics.filter((metric) => metric.name === "goodput");
  return {
    answer: `Answered within ${DEADLINE_MS} ms, of the capacity: ${
      goodputs.map(({ levels, value }) => `${name(levels)} ${formatInterval(value, "ratio")}`)
        .join(", ") || "not measured"
    }.`,
    verdicts,
    headline,
    metrics,
    charts: cells.flatMap((levels) => {
      const [trial] = evidence.where(levels);
      return trial
        ? [{
          kind: "timeline" as const,
          id: `timeline-${levels.shedding}`,
          title: `${name(levels)}: one trial`,
          alternative: listing(metrics.filter((metric) => metric.levels === levels)),
          series: [{ label: name(levels), paths: [trial.path("overload")] }],
          bucketMs: 100,
          delayedAboveMs: DEADLINE_MS,
          events: trial.record.events,
        }]
        : [];
    }),
  };
}
