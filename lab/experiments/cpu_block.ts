/**
 * `cpu-block`: light open-loop traffic while one request blocks an event loop.
 *
 * @module
 */
import { type FrontKind, POLICIES, type Policy } from "../../lb/front.ts";
import type { Experiment, LabStack, TrialContext } from "../experiment.ts";
import { addressesOf, setFront } from "./arrangements.ts";
import { CLIENTS, drawClientAddresses } from "./client_addresses.ts";
import { analyseCpuBlock } from "./cpu_block_analysis.ts";

const RATE = 200;

const phases = (quick: boolean) =>
  quick
    ? { leadMs: 300, blockMs: 1_500, runMs: 2_800 }
    : { leadMs: 400, blockMs: 3_000, runMs: 4_000 };

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
    `GET /api/users at ${RATE}/s, open loop, kept alive, from ${CLIENTS} client addresses, other ones in each trial; one GET /api/cpu-bound ` +
    "of B = 3 s (quick: 1.5 s) on top. Latency from the intended send time. Active checks of the front and load shedding are off; the threads for offloaded work have started.",
  trials: { full: 5, quick: 3 },

  // One replica leaves a policy nothing to choose, offloaded work nothing to contain, whatever the front: the first
  // policy of the run stands for all (narrowed to least-conn there is no other to compare with). Quick runs keep what
  // the claims are about.
  includes: ({ replicas, policy, front, mode }, quick, factors) => {
    const stand = factors.find(({ name }) => name === "policy")?.levels[0];
    if ((replicas === 1 || mode === "offload") && policy !== stand) return false;
    if (replicas === 3 && mode === "offload" && front !== "nginx") return false;
    if (!quick) return true;
    return front === "nginx"
      ? replicas === 1 || mode === "inline"
      : replicas === 3 && mode === "inline" && policy === "round-robin";
  },
  // Theory knows neither shedding nor a front that looks: `failover` and the gateway's own tests do.
  stack: ({ replicas }) => ({
    replicas: Number(replicas),
    activeCheckMs: 3_600_000,
    gatewayEnv: { SHEDDING: "off" },
  }),
  arrange: (stack, { policy, front }) =>
    setFront(stack, { kind: front as FrontKind, policy: policy as Policy }),
  secondsPerTrial: (_levels, quick) => phases(quick).runMs / 1000 + 0.7,

  async run(trial) {
    const { leadMs, blockMs, runMs } = phases(trial.quick);
    const { url } = trial.stack;
    const { mode, policy } = trial.levels;
    await startPools(trial.stack);
    const clients = drawClientAddresses(trial.random);
    trial.keep("clients", clients);
    const light = await trial.probe("light", {
      targets: clients.map((localAddress) => ({
        url: `${url}/api/users?limit=1`,
        localAddress,
      })),
      ratePerSecond: RATE,
      durationSeconds: runMs / 1000,
      // The prober shares the cores with what it measures; 50 ms is far below the delays of blocked cells. Where none
      // are claimed (an offload p99 a hundredth of 2.9 s), its own lateness must not be what is measured.
      maxLateMs: mode === "offload" || policy === "least-conn" ? 10 : 50,
    });
    await trial.sleep(leadMs);
    await block(trial, `${url}/api/cpu-bound?ms=${blockMs}&mode=${mode}`);
    await light.result;
    trial.observe("blockMs", blockMs);
    trial.observe("runMs", runMs);
  },

  analyse: analyseCpuBlock,
};

/** The threads for offloaded work start with the first task, which takes 100 ms once: not what is measured. */
async function startPools(stack: LabStack): Promise<void> {
  const addresses = await addressesOf(stack, "gateway");
  await Promise.all(
    addresses.flatMap((address) => [address, address]).map(async (address) => {
      const response = await fetch(`${address}/api/cpu-bound?ms=20&mode=offload`);
      await response.body?.cancel();
    }),
  );
}

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
