/**
 * `policies`: fast and slow requests over three replicas of which one is busy with something else half of the time.
 *
 * @module
 */
import { type FrontKind, POLICIES, type Policy } from "../../lb/front.ts";
import type { Experiment } from "../experiment.ts";
import { setFront } from "./arrangements.ts";
import { CLIENTS, drawClientAddresses } from "./client_addresses.ts";
import {
  analysePolicies,
  BUSY_MS,
  BUSY_RATE,
  DELAYED_MS,
  REPLICAS,
  SLOW_EVERY,
} from "./policies_analysis.ts";

const RATE = 150;
const SLOW_MS = 100;

/** Whole periods of the busy replica (400 ms), so that it is busy for its share whatever the phase. */
const seconds = (quick: boolean) => quick ? 1.6 : 2.8;
/** The busy replica is busy before the requests come, and until after them. */
const MARGIN_SECONDS = 0.5;

/** The experiment. */
export const policies: Experiment = {
  name: "policies",
  title: "Balancer policies",
  question: "Which policy copes with one slow replica, and what does it cost in fairness?",
  hypotheses: [
    {
      id: "least-conn-avoids",
      text:
        "With one of three replicas busy half of the time, least-conn delays at most half as many fast " +
        `requests (over ${DELAYED_MS} ms) as round-robin`,
    },
    {
      id: "round-robin-is-fair",
      text: "Round-robin shares evenly whatever the replicas do: Jain's index is at least 0.99",
    },
    { id: "ip-hash-sticks", text: "Under ip-hash no client ever reaches a second replica" },
  ],
  theory:
    "Round-robin does not look: a replica that is busy for a share b of the time delays b/N of all requests, and " +
    `(1 - ${DELAYED_MS}/${BUSY_MS}) of those for longer than ${DELAYED_MS} ms. ` +
    "Jain's index is (sum x)^2 / (n sum x^2).",
  factors: [
    {
      name: "policy",
      description: "balancer policy",
      levels: POLICIES,
      quick: ["round-robin", "least-conn", "ip-hash"],
    },
    { name: "front", description: "balancer", levels: ["nginx", "caddy"], quick: ["nginx"] },
  ],
  method:
    `${RATE} requests/s, open loop, from ${CLIENTS} client addresses, other ones in each trial: one in ${SLOW_EVERY} waits ${SLOW_MS} ms, the rest ` +
    `are GET /api/users. On one replica's own port ${BUSY_RATE}/s inline blocks of ${BUSY_MS} ms keep it half busy. Load shedding is off.`,
  trials: { full: 5, quick: 3 },
  stack: () => ({ replicas: REPLICAS, activeCheckMs: 3_600_000, gatewayEnv: { SHEDDING: "off" } }),
  arrange: (stack, { policy, front }) =>
    setFront(stack, { kind: front as FrontKind, policy: policy as Policy }),
  secondsPerTrial: (_levels, quick) => seconds(quick) + MARGIN_SECONDS + 0.6,

  async run(trial) {
    const { url } = trial.stack;
    const { instances } = await trial.stack.status();
    const busy = instances.find(({ service }) => service === "gateway");
    const noise = await trial.probe("noise", {
      url: `${busy?.address}/api/cpu-bound?ms=${BUSY_MS}&mode=inline`,
      ratePerSecond: BUSY_RATE,
      durationSeconds: seconds(trial.quick) + MARGIN_SECONDS,
      maxLateMs: 50,
    });
    const clients = drawClientAddresses(trial.random);
    trial.keep("clients", clients);
    const mixed = await trial.probe("mixed", {
      targets: Array.from({ length: CLIENTS * SLOW_EVERY }, (_, i) => ({
        url: i % SLOW_EVERY === SLOW_EVERY - 1
          ? `${url}/api/wait?ms=${SLOW_MS}`
          : `${url}/api/users?limit=1`,
        localAddress: clients[i % CLIENTS] ?? "127.0.0.1",
      })),
      ratePerSecond: RATE,
      durationSeconds: seconds(trial.quick),
      maxLateMs: 20,
    });
    await Promise.all([mixed.result, noise.result]);
    trial.keep("busy", busy?.id);
  },

  analyse: analysePolicies,
};
