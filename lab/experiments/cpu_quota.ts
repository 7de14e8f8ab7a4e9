/**
 * `cpu-quota`: capacity of 1 to 5 containers that may each use a fifth of a core. Where the declared
 * capacity of `scale-out` leaves latencies clean, a quota makes them an artefact of throttling, so that
 * is counted and said.
 *
 * @module
 */
import { readCgroup } from "../../stack/compose/cgroup.ts";
import type { Evidence, TrialEvidence } from "../evidence.ts";
import type { Analysis, Experiment, LabStack } from "../experiment.ts";
import { headlineRows, listing, ratioVerdict } from "../findings.ts";
import type { Verdict } from "../results.ts";

const CPUS = 0.2;
/** Clients a replica, so that every one always has somebody waiting. */
const CLIENTS = 8;
const WARM_UP_MS = 2_000;
/** CPU that a request takes: dear enough that front and load generator are not the limit. */
const WORK_MS = 2;

const seconds = (quick: boolean) => quick ? 3 : 6;

/** The experiment. */
export const cpuQuota: Experiment = {
  name: "cpu-quota",
  title: "Scaling out under a CPU limit",
  question: "How much capacity does each further container add when each has a fifth of a core?",
  onlyWhenNamed: true, // it needs a Docker engine, and minutes
  hypotheses: [
    { id: "speed-up-3", text: "3 containers have at least 2.8 times the capacity of 1" },
    { id: "speed-up-5", text: "5 containers have at least 4.5 times the capacity of 1" },
  ],
  theory:
    "Linux lets a container run for 20 ms of every 100 ms. N containers get N times the CPU as long as " +
    "the machine has it, so capacity grows with N; whoever meets a container that has used up its share " +
    "waits for the next period.",
  factors: [{ name: "replicas", description: "gateway replicas", levels: [1, 3, 5] }],
  method:
    `Containers with --cpus ${CPUS}, ${CLIENTS} closed-loop clients a replica that each ask for ${WORK_MS} ms of CPU (GET /api/cpu-bound, inline) through nginx, ` +
    "round-robin; good answers a second, and from the kernel how many periods of 100 ms were throttled. " +
    "Load shedding is off.",
  trials: { full: 6, quick: 3 },
  stack: () => ({
    engine: "compose",
    replicas: 1,
    cpus: CPUS,
    gatewayEnv: { SHEDDING: "off", LOG_LEVEL: "warn" },
  }),
  arrange: (stack, { replicas }) => stack.scale({ gateway: Number(replicas) }),
  secondsPerTrial: (_levels, quick) => seconds(quick) + WARM_UP_MS / 1_000 + 6,

  async run(trial) {
    const replicas = Number(trial.levels.replicas);
    const load = (label: string, durationSeconds: number) =>
      trial.oha(label, {
        url: `${trial.stack.url}/api/cpu-bound?ms=${WORK_MS}&mode=inline`,
        mode: "closed",
        durationSeconds,
        connections: replicas * CLIENTS,
      });
    await load("warm-up", WARM_UP_MS / 1_000);
    const before = await throttling(trial.stack);
    const { goodputPerSecond, requests, good } = await load("capacity", seconds(trial.quick));
    const after = await throttling(trial.stack);
    trial.observe("goodputPerSecond", goodputPerSecond);
    trial.observe("periods", after.periods - before.periods);
    trial.observe("throttledPeriods", after.throttledPeriods - before.throttledPeriods);
    if (good < requests) {
      trial.warn("failures", `${requests - good} of ${requests} requests failed`);
    }
  },

  analyse,
};

/** Counters of all gateway replicas, summed. */
async function throttling(stack: LabStack): Promise<{ periods: number; throttledPeriods: number }> {
  const { instances } = await stack.status();
  const sum = { periods: 0, throttledPeriods: 0 };
  for (const { service, pid } of instances) {
    const counters = service === "gateway" && pid !== null ? readCgroup(pid) : undefined;
    sum.periods += counters?.periods ?? 0;
    sum.throttledPeriods += counters?.throttledPeriods ?? 0;
  }
  return sum;
}

const goodput = (trial: TrialEvidence) => trial.number("goodputPerSecond");
const throttledShare = (trial: TrialEvidence) =>
  trial.number("throttledPeriods") / trial.number("periods");

function analyse(evidence: Evidence): Analysis {
  const levels = evidence.levels("replicas").map(Number);
  const capacity = levels.map((replicas) =>
    evidence.metric(
      { name: "capacity", title: "Capacity", unit: "requests/s", better: "higher", theory: null },
      { replicas },
      goodput,
    )
  );
  const throttled = levels.map((replicas) =>
    evidence.metric(
      {
        ...{ name: "throttled", title: "Throttled periods", unit: "share", better: "lower" },
        theory: null,
      },
      { replicas },
      throttledShare,
    )
  );
  const speedUp = (replicas: number) =>
    evidence.ratio({ numerator: { replicas }, denominator: { replicas: 1 } }, goodput);
  const verdicts: Verdict[] = [
    ratioVerdict("speed-up-3", speedUp(3), 2.8, "the capacity with 3 containers"),
    ratioVerdict("speed-up-5", speedUp(5), 4.5, "the capacity with 5 containers"),
  ];
  return {
    answer: `${verdicts.map(({ sentence }) => sentence).join(" ")} ${listing(throttled)}.`,
    verdicts,
    headline: headlineRows(
      evidence,
      verdicts,
      [3, 5].map((replicas) => ({
        lever: `${replicas} containers of ${CPUS} cores instead of 1`,
        measure: "capacity (good answers a second)",
        unit: "requests/s" as const,
        better: "higher" as const,
        from: { replicas: 1 },
        to: { replicas },
        value: goodput,
        hypothesis: `speed-up-${replicas}`,
      })),
    ),
    metrics: [...capacity, ...throttled],
    charts: [],
  };
}
