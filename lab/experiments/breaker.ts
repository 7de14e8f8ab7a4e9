/**
 * `breaker`: a service hangs or fails, then recovers, with and without the gateway's protections.
 *
 * @module
 */
import type { UpstreamSnapshot } from "../../kit/upstream.ts";
import type { Experiment, TrialContext } from "../experiment.ts";
import type { Levels } from "../results.ts";
import { untilReady } from "./arrangements.ts";
import {
  analyseBreaker,
  BUDGET_RATIO,
  BUDGET_SLACK,
  MAX_RETRIES,
  SETTLE_MS,
} from "./breaker_analysis.ts";
import { strike } from "./strike.ts";

const VICTIM_RATE = 60;
const BYSTANDER_RATE = 100;
/** Time that is watched after the breaker has closed again. */
const TAIL_MS = 1_000;

/** Layers of the gateway that are switched off. */
const PROTECTIONS: Readonly<Record<string, string>> = {
  "all": "",
  "no-breaker": "breaker",
  "no-breaker-no-budget": "breaker,budget",
};

/** Lengths of the phases of a trial; only a breaker needs time to recover. */
function phases({ protection, fault }: Levels, quick: boolean) {
  const settleMs = SETTLE_MS[String(fault)] ?? 0;
  const breaker = protection === "all";
  // Longer than a recovery may take: one that does not come must not look like one in time.
  const restMs = breaker ? 10_000 : 2_000;
  if (quick) return { leadMs: 400, settleMs, faultMs: settleMs + 900, restMs };
  return {
    ...{ leadMs: 1_000, settleMs },
    // With errors long enough that a breaker asks in vain and doubles its time (5 s, then 10 s).
    faultMs: !breaker ? settleMs + 2_800 : fault === "hang" ? 6_000 : 8_000,
    restMs,
  };
}

/** The experiment. */
export const breaker: Experiment = {
  name: "breaker",
  title: "A dependency fails",
  question: "What do callers and bystanders see while one service hangs or fails?",
  hypotheses: [
    {
      id: "fails-fast",
      text:
        "With everything on, a request to the failed service is answered in at most 10 ms (p99)",
    },
    {
      id: "breaker-helps",
      text:
        "Without the breaker the same requests take at least 50 times longer (p50) while the service hangs",
    },
    {
      id: "bystanders-unharmed",
      text:
        "With everything on, the p99 of requests to another service is at most 1.5 times what it is without the fault",
    },
    {
      id: "no-amplification",
      text: "With everything on, at most 1.2 attempts a request reach the failed service",
    },
    {
      id: "recovers",
      text: "With everything on, requests succeed again at most 8 s after the service does",
    },
    {
      id: "budget-bounds",
      text:
        `Without the breaker, the budget holds the attempts at ${
          1 + BUDGET_RATIO
        } a request to the failing service ` +
        `(at most ${BUDGET_SLACK} attempts over in a trial: those that are under way when the count begins)`,
    },
    {
      id: "storm-without-budget",
      text: `Without breaker and budget it gets ${
        ((1 + MAX_RETRIES) / (1 + BUDGET_RATIO)).toFixed(1)
      } times as many attempts as with the budget: ${1 + MAX_RETRIES} a request (within 10 %)`,
    },
  ],
  theory:
    "A hanging dependency holds every caller for the whole timeout (2 s); a breaker that is open answers at once " +
    `and asks again after 5 s, then 10 s, with jitter. A GET that fails is tried 1 + ${MAX_RETRIES} times, or ` +
    `1 + ${BUDGET_RATIO} times on average, and 3 attempts more, when a budget bounds it.`,
  factors: [
    {
      name: "protection",
      description: "layers of the upstream client",
      levels: Object.keys(PROTECTIONS),
    },
    {
      name: "fault",
      description: "what the orders service does",
      levels: ["hang", "error"],
    },
  ],
  method:
    `One gateway replica. GET /api/orders at ${VICTIM_RATE}/s and GET /api/users at ${BYSTANDER_RATE}/s, open ` +
    "loop. orders is stopped (SIGSTOP) or answers 500 to all, and then goes on. Latencies and retries are of the time " +
    `from ${SETTLE_MS.hang} ms (hang) or ${SETTLE_MS.error} ms (error) after the fault's start to its end.`,
  trials: { full: 5, quick: 2 },
  // What hangs is not tried again, so a budget matters to errors only. Quick runs keep what the claims need.
  includes: ({ protection, fault }, quick) =>
    fault === "hang" ? protection !== "no-breaker-no-budget" : !quick || protection !== "all",
  stack: ({ protection }) => ({
    replicas: 1,
    faults: true,
    gatewayEnv: { LAYERS_OFF: PROTECTIONS[String(protection)] ?? "", SHEDDING: "off" },
  }),
  arrange: (stack) => untilReady(stack, AbortSignal.timeout(20_000)),
  secondsPerTrial: (levels, quick) => {
    const { leadMs, faultMs } = phases(levels, quick);
    // A trial ends when the breaker has closed.
    const closedMs = levels.protection !== "all" ? TAIL_MS : quick ? 4_000 : 7_000;
    return (leadMs + faultMs + closedMs) / 1000 + 0.5;
  },

  async run(trial) {
    const { url } = trial.stack;
    const { leadMs, settleMs, faultMs, restMs } = phases(trial.levels, trial.quick);
    const { items } = await (await fetch(`${url}/api/users?limit=50`)).json();
    const ids: string[] = items.map(({ id }: { id: string }) => id);
    const load = { durationSeconds: (leadMs + faultMs + restMs) / 1000 + 1, timeoutMs: 10_000 };
    const [victim, bystander] = await Promise.all([
      trial.probe("orders", {
        ...load,
        targets: ids.map((id) => ({ url: `${url}/api/orders?user=${id}&limit=1` })),
        ratePerSecond: VICTIM_RATE,
        maxLateMs: 20,
      }),
      trial.probe("users", {
        ...load,
        targets: ids.map((id) => ({ url: `${url}/api/users/${id}` })),
        ratePerSecond: BYSTANDER_RATE,
        maxLateMs: 20,
      }),
    ]);
    await trial.sleep(leadMs);
    const before = await counters(trial);
    const atMs = trial.elapsedMs();
    const recover = await strike(trial);
    try {
      await trial.sleep(settleMs);
      const settled = await counters(trial);
      await trial.sleep(faultMs - settleMs);
      const after = await counters(trial);
      trial.observe("attempts", after.attempts - before.attempts);
      trial.observe("settledAttempts", after.attempts - settled.attempts);
      trial.observe("settledRetries", after.retries - settled.retries);
    } finally {
      await recover();
    }
    trial.event({
      ...{ kind: "fault", text: `orders: ${trial.levels.fault}` },
      ...{ atMs, untilMs: trial.elapsedMs() },
    });
    trial.observe("faultAtMs", atMs);
    trial.observe("recoveredAtMs", trial.elapsedMs());
    await untilClosed(trial, restMs - TAIL_MS);
    await trial.sleep(TAIL_MS);
    victim.stop();
    bystander.stop();
    await Promise.all([victim.result, bystander.result]);
  },

  analyse: analyseBreaker,
};

/** What the gateway says of its way to orders. */
async function orders({ stack }: TrialContext): Promise<UpstreamSnapshot> {
  const metrics = await (await fetch(`${stack.url}/api/metrics`)).json();
  return metrics.upstreams.orders;
}

/** Attempts so far, and how many of them came on top of the requests. */
async function counters(trial: TrialContext): Promise<{ attempts: number; retries: number }> {
  const { attempts, retries, hedges } = await orders(trial);
  return { attempts, retries: retries + hedges };
}

/** Waits until the breaker lets requests through again; one that is switched off always does. */
async function untilClosed(trial: TrialContext, timeoutMs: number): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!trial.signal.aborted && performance.now() < endMs) {
    // deno-lint-ignore no-await-in-loop -- looking again is the point
    if ((await orders(trial)).breaker.kind === "closed") return;
    // deno-lint-ignore no-await-in-loop -- as above
    await trial.sleep(100);
  }
}
