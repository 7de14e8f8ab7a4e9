/**
 * `quota`: capacity of 1 to 6 replicas that may use a fraction of a core each, where the engine has CPU quotas (containers).
 * `bench scale-out --cpus 0.2` is this.
 *
 * @module
 */
import { readCgroup } from "../../stack/compose/cgroup.ts";
import type { Evidence } from "../evidence.ts";
import type { Experiment, LabStack } from "../experiment.ts";
import type { Levels, Metric } from "../results.ts";
import { analyseScaleOut } from "./scale_out_analysis.ts";

/** The quota that the claims are made of; others are measured when they are asked for. */
const CORES = 0.2;
/** Docker's. */
const PERIOD_MS = 100;
const WORK_MS = 2;
/** A replica does some ten requests in its share of a period: with fewer waiting it may run out of them before. */
const CLIENTS_A_REPLICA = 32;
/**
 * Code is compiled at the expense of the quota, too: a replica's first 4 s cost it 2.6 ms a request, later ones 2.4. The one
 * that stays through all trials would be compared with others that have just started.
 */
const WARM_UP_SECONDS = 2;
/** A replica goes on with what the warm-up left in its sockets: up to four periods. */
const SETTLE_MS = 500;
const seconds = (quick: boolean) => quick ? 1.5 : 4;

/** The experiment. */
export const quota: Experiment = {
  name: "quota",
  title: "Scaling out under CPU quotas",
  question: "How much capacity does each further container with a CPU quota add?",
  notQuick: true, // containers take minutes; without a Docker engine its cells are left out, and a warning says so
  hypotheses: [
    { id: "speed-up-3", text: "3 replicas have at least 2.8 times the capacity of 1" },
    { id: "speed-up-5", text: "5 replicas have at least 4.5 times the capacity of 1" },
  ],
  theory:
    `Each replica that may use ${CORES} cores adds the same share of a core, as long as the machine has cores left and ` +
    "every replica has somebody waiting. Round-robin does not see to that: clients that wait for their answers gather at " +
    "the replica that is slowest for the moment, and the others run out of requests before their share is used. " +
    "least-conn does. Time granted is not yet work done: what a core gets done in it depends on what shares its caches " +
    "and its clock. Latencies are the scheduler's: a replica runs until its share of a period of " +
    `${PERIOD_MS} ms is used, then waits.`,
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
    `GET /api/cpu-bound inline, in rounds that take about ${WORK_MS} ms on a free core, so that work is counted and not ` +
    `time; ${WARM_UP_SECONDS} s of it before, because compiling takes of the quota; good answers a second; CPU time, ` +
    "periods that the kernel counted for all replicas, and those in which it throttled one. Load shedding is off.",
  trials: { full: 5, quick: 2 },
  stack: ({ cpus }) => ({
    engine: "compose",
    cpus: Number(cpus),
    replicas: 1,
    policy: "least-conn",
    gatewayEnv: { SHEDDING: "off" },
  }),
  arrange: (stack, { replicas }) => stack.scale({ gateway: Number(replicas) }),
  secondsPerTrial: (_levels, quick) => seconds(quick) + WARM_UP_SECONDS + 3,

  async run(trial) {
    const replicas = Number(trial.levels.replicas);
    const { rounds } = await trial.cpuWork(WORK_MS);
    const load = (label: string, durationSeconds: number) =>
      trial.oha(label, {
        url: `${trial.stack.url}/api/cpu-bound?rounds=${rounds}&mode=inline`,
        mode: "closed",
        durationSeconds,
        connections: replicas * CLIENTS_A_REPLICA,
      });
    await load("warm-up", WARM_UP_SECONDS);
    await trial.sleep(SETTLE_MS);
    const before = await counted(trial.stack);
    const { goodputPerSecond, requests, good } = await load("capacity", seconds(trial.quick));
    const after = await counted(trial.stack);
    trial.observe("goodputPerSecond", goodputPerSecond);
    trial.observe("good", good);
    for (const name of COUNTED) trial.observe(name, after[name] - before[name]);
    if (good < requests) {
      trial.warn("failures", `${requests - good} of ${requests} requests failed`);
    }
  },

  analyse: (evidence) => {
    const cores = evidence.levels("cpus").join(" or ") || CORES; // a run from before it was a factor
    const analysis = analyseScaleOut(evidence, {
      atLeast: { 3: 2.8, 5: 4.5 },
      replicas: `containers of ${cores} cores`,
      theory: () => null,
    });
    const metrics = evidence.cells().flatMap((levels) => metricsOf(evidence, levels));
    return { ...analysis, metrics: [...analysis.metrics, ...metrics] };
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
    // Runs from before CPU time was observed have none of these two.
    evidence.metric(
      {
        name: "quota-used",
        title: "CPU time used, of the quota",
        unit: "ratio",
        better,
        theory: 1,
      },
      levels,
      ({ record: { observations: { cpuMs = NaN, periods = NaN } } }) =>
        cpuMs / (periods * PERIOD_MS * cores),
    ),
    evidence.metric(
      { name: "cpu", title: "CPU time a good answer", unit: "µs/request", better },
      levels,
      ({ record: { observations: { cpuMs = NaN, good = NaN } } }) => 1e3 * cpuMs / good,
    ),
  ];
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
