/**
 * `quota`: capacity of 1 to 6 replicas that may use a fifth of a core each, where the engine has CPU quotas (containers).
 *
 * @module
 */
import { readCgroup } from "../../stack/compose/cgroup.ts";
import type { Experiment, LabStack } from "../experiment.ts";
import { cpuWork } from "./cpu_work.ts";
import { analyseScaleOut } from "./scale_out_analysis.ts";

const CORES = 0.2;
const WORK_MS = 2;
/**
 * A replica does some ten requests in its share of a period. With no more than that waiting for it, it may run out of them
 * before its share is used (round-robin sends the next ones elsewhere), and what is measured is no capacity.
 */
const CLIENTS_A_REPLICA = 32;
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
    `A replica that may use ${CORES} cores adds the same share of a core each time, as long as the machine has ` +
    "cores left. Its latencies are the scheduler's: it runs until its share of a period of 100 ms is used, then waits.",
  factors: [{
    name: "replicas",
    description: "gateway replicas",
    levels: [1, 2, 3, 4, 5, 6],
    quick: [1, 3, 5],
  }],
  method:
    `Containers limited to ${CORES} cores each; ${CLIENTS_A_REPLICA} closed-loop clients a replica through nginx, ` +
    `round-robin; GET /api/cpu-bound inline, in rounds that take about ${WORK_MS} ms on a free core; good answers ` +
    "a second; periods that the kernel counted for all replicas, and those in which it throttled one. Load shedding is off.",
  trials: { full: 5, quick: 2 },
  stack: () => ({
    engine: "compose",
    cpus: CORES,
    replicas: 1,
    gatewayEnv: { SHEDDING: "off" },
  }),
  arrange: (stack, { replicas }) => stack.scale({ gateway: Number(replicas) }),
  secondsPerTrial: (_levels, quick) => seconds(quick) + 3,

  async run(trial) {
    const replicas = Number(trial.levels.replicas);
    const before = await throttling(trial.stack);
    const { goodputPerSecond, requests, good } = await trial.oha("capacity", {
      url: `${trial.stack.url}/api/cpu-bound?rounds=${cpuWork(WORK_MS).rounds}&mode=inline`,
      mode: "closed",
      durationSeconds: seconds(trial.quick),
      connections: replicas * CLIENTS_A_REPLICA,
    });
    const after = await throttling(trial.stack);
    trial.observe("goodputPerSecond", goodputPerSecond);
    trial.observe("periods", after.periods - before.periods);
    trial.observe("throttledPeriods", after.throttledPeriods - before.throttledPeriods);
    if (good < requests) {
      trial.warn("failures", `${requests - good} of ${requests} requests failed`);
    }
  },

  analyse: (evidence) => {
    const analysis = analyseScaleOut(evidence, {
      atLeast: { 3: 2.8, 5: 4.5 },
      replicas: `containers of ${CORES} cores`,
      theory: () => null,
    });
    const better = "neither";
    const throttled = evidence.cells().flatMap((levels) => [
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
    ]);
    return { ...analysis, metrics: [...analysis.metrics, ...throttled] };
  },
};

/** What the kernel counted for all gateway containers together. */
async function throttling(stack: LabStack): Promise<{ periods: number; throttledPeriods: number }> {
  const { instances } = await stack.status();
  const counters = instances.filter(({ service }) => service === "gateway")
    .flatMap(({ pid }) => pid === null ? [] : readCgroup(pid) ?? []);
  return {
    periods: counters.reduce((sum, each) => sum + each.periods, 0),
    throttledPeriods: counters.reduce((sum, each) => sum + each.throttledPeriods, 0),
  };
}
