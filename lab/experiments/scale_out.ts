/**
 * `scale-out`: capacity of 1 to 6 replicas whose own capacity is declared.
 *
 * @module
 */
import type { Experiment } from "../experiment.ts";
import { concurrencyCapacity } from "../stats/queueing.ts";
import { analyseScaleOut } from "./scale_out_analysis.ts";

/** Places of a replica and how long a request holds one: 80 requests/s each. */
const LIMIT = 4;
const HOLD_MS = 50;
/** Clients a place, so that every replica always has somebody waiting. */
const CLIENTS_A_PLACE = 4;

const seconds = (quick: boolean) => quick ? 0.8 : 2.4;

/** The experiment. */
export const scaleOut: Experiment = {
  name: "scale-out",
  title: "Scaling out",
  question: "How much capacity does each further replica add?",
  hypotheses: [
    { id: "speed-up-3", text: "3 replicas have at least 2.9 times the capacity of 1" },
    { id: "speed-up-5", text: "5 replicas have at least 4.7 times the capacity of 1" },
  ],
  theory:
    `A replica holds at most K = ${LIMIT} requests for S = ${HOLD_MS} ms each, so N replicas can do N K/S. ` +
    "What is lost on the way is contention (sigma) and coherency (kappa) of the Universal Scalability Law " +
    "(N. Gunther, 2007), fitted with both at least 0.",
  factors: [{ name: "replicas", description: "gateway replicas", levels: [1, 2, 3, 4, 5, 6] }],
  method:
    `Replicas that hold ${LIMIT} requests of ${HOLD_MS} ms at a time (GET /api/wait), so that the cores of this ` +
    `machine are not the limit; ${CLIENTS_A_PLACE} closed-loop clients a place through nginx, round-robin; good ` +
    "answers a second. Load shedding is off.",
  trials: { full: 8, quick: 3 },
  stack: () => ({ replicas: 1, gatewayEnv: { WAIT_LIMIT: String(LIMIT), SHEDDING: "off" } }),
  arrange: (stack, { replicas }) => stack.scale({ gateway: Number(replicas) }),
  secondsPerTrial: (_levels, quick) => seconds(quick) + 1,

  async run(trial) {
    const replicas = Number(trial.levels.replicas);
    const { goodputPerSecond, requests, good } = await trial.oha("capacity", {
      url: `${trial.stack.url}/api/wait?ms=${HOLD_MS}`,
      mode: "closed",
      durationSeconds: seconds(trial.quick),
      connections: replicas * LIMIT * CLIENTS_A_PLACE,
    });
    trial.observe("goodputPerSecond", goodputPerSecond);
    trial.observe("failed", requests - good);
    if (good < requests) {
      trial.warn("failures", `${requests - good} of ${requests} requests failed`);
    }
  },

  analyse: (evidence) =>
    analyseScaleOut(evidence, {
      atLeast: { 3: 2.9, 5: 4.7 },
      theory: (replicas) => concurrencyCapacity({ replicas, limit: LIMIT, serviceMs: HOLD_MS }),
    }),
};
