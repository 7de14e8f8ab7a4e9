/**
 * `failover`: replicas die, come and go, policies and fronts change, while requests keep coming.
 *
 * @module
 */
import type { FrontKind } from "../../lb/front.ts";
import type { Experiment, LabStack, TrialContext } from "../experiment.ts";
import { setFront, untilReady } from "./arrangements.ts";
import { analyseFailover, DELAYED_MS, KILLS, RECOVERY_MS } from "./failover_analysis.ts";

const RATE = 200;
const LEAD_MS = 500;
const tailMs = (action: string, quick: boolean) =>
  KILLS.includes(action) ? RECOVERY_MS + 1_000 : quick ? 1_000 : 1_500;

type Action = (trial: TrialContext, step: Step) => Promise<void>;
/** Does something and puts it on the timeline with its duration. */
type Step = (kind: string, text: string, act: () => Promise<void>) => Promise<void>;

/** What happens to the stack; planned changes must cost nothing, deaths little. */
const ACTIONS: Record<string, Action> = {
  "kill-1": (trial, step) => killSome(trial, step, 1),
  "kill-2": (trial, step) => killSome(trial, step, 2),
  "scale": async ({ stack }, step) => {
    await step("scale", "1 to 5 replicas", () => stack.scale({ gateway: 5 }));
    await step("scale", "5 to 2 replicas", () => stack.scale({ gateway: 2 }));
  },
  "rolling-restart": async (trial, step) => {
    for (const { id, restarts } of await gateways(trial.stack)) {
      // deno-lint-ignore no-await-in-loop -- one after the other is what rolling means
      await step("restart", `SIGTERM to ${id}`, () => restart(trial, id, restarts));
    }
  },
  "policy-swap": async ({ stack }, step) => {
    await step("policy", "least-conn", () => stack.setFront({ policy: "least-conn" }));
    await step("policy", "round-robin", () => stack.setFront({ policy: "round-robin" }));
  },
  "front-swap": async ({ stack, levels }, step) => {
    const other: FrontKind = levels.front === "nginx" ? "caddy" : "nginx";
    await step("front", other, () => stack.setFront({ kind: other }));
    await step(
      "front",
      String(levels.front),
      () => stack.setFront({ kind: levels.front as FrontKind }),
    );
  },
};

/** How long actions take, with bringing the stack back into its state. */
const ACTION_SECONDS: Readonly<Record<string, number>> = {
  "scale": 2.5,
  "rolling-restart": 6,
  "front-swap": 1.5,
};

/** The experiment. */
export const failover: Experiment = {
  name: "failover",
  title: "Deaths and changes under load",
  question: "How many requests fail or wait when replicas die or the system changes?",
  hypotheses: [
    {
      id: "changes-are-free",
      text: "Scaling, rolling restart, policy swap and front swap fail no request",
    },
    {
      id: "kills-are-free",
      text: "Killing 1 or 2 of 3 replicas fails no GET: it is tried elsewhere",
    },
    {
      id: "kills-recover",
      text: `From ${
        RECOVERY_MS / 1000
      } s after a kill on, no GET fails or takes longer than ${DELAYED_MS} ms`,
    },
  ],
  theory:
    "A front that notices a refused or broken connection can send a GET elsewhere at once; a replica that leaves " +
    "the front before it is signalled has nothing to break.",
  factors: [
    {
      name: "action",
      description: "what happens",
      levels: Object.keys(ACTIONS),
      quick: ["kill-1", "scale", "policy-swap", "front-swap"],
    },
    { name: "front", description: "balancer", levels: ["nginx", "caddy"], quick: ["nginx"] },
    {
      name: "connections",
      description: "of the clients",
      levels: ["kept-alive", "fresh"],
      quick: ["kept-alive"],
    },
  ],
  method:
    `GET /api/users at ${RATE}/s, open loop, over three replicas, or 1 to 5 to 2 while scaling; the ` +
    `action starts after ${LEAD_MS} ms. ` +
    "A kept-alive connection that closes before a GET is answered is retried once, as browsers do, and counted. " +
    "Rolling restarts send SIGTERM without telling the front.",
  trials: { full: 3, quick: 1 },
  // What happens between a front and its replicas does not depend on the clients' connections where the front itself
  // stays as it is; a swap goes there and back, so that it is the same from either front.
  includes: ({ action, front, connections }) =>
    !(action === "rolling-restart" && connections === "fresh") &&
    !(action === "front-swap" && front === "caddy"),
  // A replica that is told to stop serves on until half of this is over: harder for the front than the default of 10 s.
  stack: () => ({ replicas: 3, gatewayEnv: { DRAIN_TIMEOUT_MS: "2000" } }),
  arrange: async (stack, { action, front }) => {
    await untilReady(stack, AbortSignal.timeout(20_000));
    await stack.scale({ gateway: action === "scale" ? 1 : 3 });
    await setFront(stack, { kind: front as FrontKind, policy: "round-robin" });
  },
  secondsPerTrial: ({ action }, quick) =>
    (tailMs(String(action), quick) + LEAD_MS) / 1000 + (ACTION_SECONDS[String(action)] ?? 1),

  async run(trial) {
    const running = await trial.probe("light", {
      url: `${trial.stack.url}/api/users?limit=1`,
      ratePerSecond: RATE,
      durationSeconds: 60,
      connections: trial.levels.connections as "fresh" | "kept-alive",
      timeoutMs: 5_000,
      maxLateMs: 50,
    });
    await trial.sleep(LEAD_MS);
    trial.observe("actionAtMs", trial.elapsedMs());
    await ACTIONS[String(trial.levels.action)]?.(trial, async (kind, text, act) => {
      const atMs = trial.elapsedMs();
      await act();
      trial.event({ kind, text, atMs, untilMs: trial.elapsedMs() });
    });
    await trial.sleep(tailMs(String(trial.levels.action), trial.quick));
    running.stop();
    await running.result;
  },

  analyse: analyseFailover,
};

async function gateways(stack: LabStack) {
  const { instances } = await stack.status();
  return instances.filter(({ service }) => service === "gateway");
}

async function killSome({ stack }: TrialContext, step: Step, count: number): Promise<void> {
  const doomed = (await gateways(stack)).slice(0, count).map(({ id }) => id);
  await step("kill", `SIGKILL to ${doomed.join(" and ")}`, async () => {
    await Promise.all(doomed.map((id) => stack.kill(id, "SIGKILL")));
  });
}

async function restart(trial: TrialContext, id: string, restarts: number): Promise<void> {
  await trial.stack.kill(id, "SIGTERM");
  const deadline = performance.now() + 15_000;
  while (performance.now() < deadline) {
    // deno-lint-ignore no-await-in-loop -- looking again is the point
    const now = (await gateways(trial.stack)).find((instance) => instance.id === id);
    if (now?.state === "ready" && now.restarts > restarts) return;
    // deno-lint-ignore no-await-in-loop -- as above
    await trial.sleep(50);
  }
  trial.warn("restart-failed", `${id} did not come back within 15 s`, "invalid");
}
