/**
 * `quota`: capacity of 1 to 6 replicas that may use a fraction of a core each, where the engine has CPU quotas (containers).
 * `bench scale-out --cpus 0.2` is this.
 *
 * @module
 */
import { readCgroup } from "../../stack/compose/cgroup.ts";
import type { Evidence, TrialEvidence } from "../evidence.ts";
import type { Experiment, LabStack } from "../experiment.ts";
import { formatInterval } from "../report/format.ts";
import type { Levels, Metric } from "../results.ts";
import { analyseScaleOut } from "./scale_out_analysis.ts";

/** The quota that the claims are made of; others are measured when they are asked for. */
const CORES = 0.2;
/** Docker's. */
const PERIOD_MS = 100;
/** Long, so that what a request costs besides, which varies, is a small part. */
const WORK_MS = 5;
const WORK = `requests of ${WORK_MS} ms of CPU time`;
/** A replica does four requests in its share of a period: with fewer waiting it may run out of them before. */
const CLIENTS_A_REPLICA = 16;
/**
 * Code is compiled at the expense of the quota, too. The replica that stays through all trials would be compared with others
 * that have just started.
 */
const WARM_UP_SECONDS = 2;
/** Between two loads: the next one does not begin in a period whose share the last one has used up. */
const SETTLE_MS = 500;
const seconds = (quick: boolean) => quick ? 1.5 : 4;
const fixedWorkSeconds = (quick: boolean) => seconds(quick) / 2;

/** The experiment. */
export const quota: Experiment = {
  name: "quota",
  title: "Scaling out under CPU quotas",
  question: "How much capacity does each further container with a CPU quota add?",
  notQuick: true, // containers take minutes; without a Docker engine its cells are left out, and a warning says so
  hypotheses: [
    {
      id: "speed-up-3",
      text: `3 replicas of ${CORES} cores answer at least 2.8 times the ${WORK} of 1`,
    },
    {
      id: "speed-up-5",
      text: `5 replicas of ${CORES} cores answer at least 4.5 times the ${WORK} of 1`,
    },
  ],
  theory:
    `Each replica with a quota adds the same share of a core, as long as the machine has cores left and ` +
    "every replica has somebody waiting. Round-robin does not see to that: clients that wait for their answers gather at " +
    "the replica that is slowest for the moment, and the others run out of requests before their share is used. " +
    "least-conn does. The quota grants CPU time, so a request is declared as CPU time. Work done in it is another matter " +
    "(and is reported): a core gets less done while its neighbour is busy. Latencies are the scheduler's: a replica runs " +
    `until its share of a period of ${PERIOD_MS} ms is used, then waits.`,
  factors: [{
    name: "replicas",
    description: "gateway replicas",
    levels: [1, 2, 3, 4, 5, 6],
    quick: [1, 3, 5],
  }, {
    name: "cpus",
    description: `cores that a replica may use; ${CORES} unless another is named`,
    levels: [0.1, CORES, 0.25, 0.5],
  }],
  includes: ({ cpus }, _quick, factors) =>
    cpus === CORES || factors.some(({ name, narrowed }) => name === "cpus" && narrowed),
  method:
    `Containers with a CPU quota each; ${CLIENTS_A_REPLICA} closed-loop clients a replica through nginx, least-conn; ` +
    `GET /api/cpu-bound that uses ${WORK_MS} ms of CPU time inline; good answers a second after ${WARM_UP_SECONDS} s of the ` +
    "same, because compiling takes of the quota; then the same with rounds that take about so long on a free core, for the " +
    "work done; CPU time, periods that the kernel counted for all replicas, and those in which it throttled one. Load " +
    "shedding is off.",
  trials: { full: 5, quick: 2 },
  stack: ({ cpus }) => ({
    engine: "compose",
    cpus: Number(cpus),
    replicas: 1,
    policy: "least-conn",
    gatewayEnv: { SHEDDING: "off" },
  }),
  arrange: (stack, { replicas }) => stack.scale({ gateway: Number(replicas) }),
  secondsPerTrial: (_levels, quick) =>
    seconds(quick) + fixedWorkSeconds(quick) + WARM_UP_SECONDS + 3,

  async run(trial) {
    const connections = Number(trial.levels.replicas) * CLIENTS_A_REPLICA;
    const load = async (label: string, work: string, durationSeconds: number) => {
      const before = await counted(trial.stack);
      const startMs = trial.elapsedMs();
      const url = `${trial.stack.url}/api/cpu-bound?${work}&mode=inline`;
      const run = await trial.oha(label, { url, mode: "closed", durationSeconds, connections });
      const after = await counted(trial.stack);
      const wallMs = trial.elapsedMs() - startMs;
      await trial.sleep(SETTLE_MS);
      if (run.good < run.requests) {
        const failed = run.requests - run.good;
        trial.warn("failures", `${failed} of ${run.requests} requests of "${label}" failed`);
      }
      const grown = COUNTED.map((name) => [name, after[name] - before[name]] as const);
      const counts: Record<string, number> = { wallMs, ...Object.fromEntries(grown) };
      return { ...run, counts };
    };
    const work = `cpuMs=${WORK_MS}`;
    await load("warm-up", work, WARM_UP_SECONDS);
    const granted = await load("capacity", work, seconds(trial.quick));
    const { rounds } = await trial.cpuWork(WORK_MS);
    const fixed = await load("fixed-work", `rounds=${rounds}`, fixedWorkSeconds(trial.quick));
    trial.observe("goodputPerSecond", granted.goodputPerSecond);
    trial.observe("good", granted.good);
    for (const [name, value] of Object.entries(granted.counts)) trial.observe(name, value);
    trial.observe("fixedWorkPerSecond", fixed.goodputPerSecond);
    trial.observe("fixedWorkGood", fixed.good);
    trial.observe("fixedWorkCpuMs", fixed.counts.cpuMs ?? 0);
  },

  analyse: (evidence) => {
    const [cpus] = evidence.levels("cpus"); // a run has one; one from before it was a factor has none
    const claimed = cpus === undefined || cpus === CORES;
    const analysis = analyseScaleOut(evidence, {
      atLeast: claimed ? { 3: 2.8, 5: 4.5 } : {},
      replicas: `containers of ${cpus ?? CORES} cores`,
      measure: cpus === undefined ? "capacity (good answers a second)" : `${WORK} a second`,
      common: cpus === undefined ? {} : { cpus },
      theory: () => null,
    });
    const metrics = evidence.cells().flatMap((levels) => metricsOf(evidence, levels));
    return {
      ...analysis,
      answer: [analysis.answer, ...fixedWorkSentence(evidence)].join(" "),
      verdicts: claimed ? analysis.verdicts : quota.hypotheses.map(({ id }) => ({
        hypothesis: id,
        outcome: "inconclusive",
        sentence: `Claimed of ${CORES} cores only.`,
      })),
      metrics: [...analysis.metrics, ...metrics],
    };
  },
};

/** What says why a capacity is what it is: time that was granted, and what a request took of it. */
function metricsOf(evidence: Evidence, levels: Levels): Metric[] {
  const better = "neither";
  const cores = Number(levels.cpus ?? CORES);
  return [
    evidence.metric(
      { name: "throttled", title: "Share of throttled periods", unit: "share", better },
      levels,
      (trial) => trial.number("throttledPeriods") / Math.max(1, trial.number("periods")),
    ),
    evidence.metric(
      { name: "throttled-periods", title: "Throttled periods", unit: "count", better },
      levels,
      (trial) => trial.number("throttledPeriods"),
    ),
    // Runs from before these were observed have none of the rest.
    evidence.metric(
      {
        name: "quota-used",
        title: "CPU time used, of the quota",
        unit: "ratio",
        better,
        theory: 1,
      },
      levels,
      // Not by the kernel's periods: it counts none for a replica that has nothing to do.
      ({ record: { levels: { replicas }, observations: { cpuMs = NaN, wallMs = NaN } } }) =>
        cpuMs / (wallMs * Number(replicas) * cores),
    ),
    evidence.metric(
      { name: "cpu", title: "CPU time a good answer", unit: "µs/request", better },
      levels,
      ({ record: { observations: { cpuMs = NaN, good = NaN } } }) => 1e3 * cpuMs / good,
    ),
    evidence.metric(
      { name: "fixed-work", title: "Work of a fixed size", unit: "requests/s", better: "higher" },
      levels,
      fixedWork,
    ),
    evidence.metric(
      { name: "fixed-work-cpu", title: "CPU time of that work", unit: "µs/request", better },
      levels,
      ({ record: { observations: { fixedWorkCpuMs = NaN, fixedWorkGood = NaN } } }) =>
        1e3 * fixedWorkCpuMs / fixedWorkGood,
    ),
  ];
}

function fixedWork({ record: { observations: { fixedWorkPerSecond = NaN } } }: TrialEvidence) {
  return fixedWorkPerSecond;
}

/** What the same replicas got done; nothing where that was not measured. */
function fixedWorkSentence(evidence: Evidence): string[] {
  const parts = [3, 5].flatMap((replicas) => {
    const ratio = evidence.ratio(
      { numerator: { replicas }, denominator: { replicas: 1 } },
      fixedWork,
    );
    return ratio ? [`${formatInterval(ratio, "ratio")} with ${replicas}`] : [];
  });
  return parts.length === 0 ? [] : [`Work of a fixed size: ${parts.join(", ")}.`];
}

const COUNTED = ["cpuMs", "periods", "throttledPeriods"] as const;

/** What the kernel counted for all gateway containers together. */
async function counted(stack: LabStack): Promise<Record<typeof COUNTED[number], number>> {
  const { instances } = await stack.status();
  const counters = instances.filter(({ service }) => service === "gateway")
    .flatMap(({ pid }) => pid === null ? [] : readCgroup(pid) ?? []);
  const sum = (name: typeof COUNTED[number]) =>
    counters.reduce((total, each) => total + each[name], 0);
  return {
    cpuMs: sum("cpuMs"),
    periods: sum("periods"),
    throttledPeriods: sum("throttledPeriods"),
  };
}
