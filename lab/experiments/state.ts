/**
 * `state`: counters and sessions kept in a replica's memory and in Redis.
 *
 * @module
 */
import type { Experiment, TrialContext } from "../experiment.ts";
import { isGood } from "../load/sample.ts";
import { addressesOf } from "./arrangements.ts";
import { analyseState } from "./state_analysis.ts";

const PASSWORD = "the lab measures this";
/** Clients that count at the same time: only then can a read and a write of one get between those of another. */
const CLIENTS = 16;
const requests = (quick: boolean) => quick ? 45 : 240;
const seconds = (quick: boolean) => quick ? 0.6 : 1.6;
const crowdSeconds = (quick: boolean) => quick ? 0.3 : 0.5;

/** The experiment. */
export const state: Experiment = {
  name: "state",
  title: "Where state is kept",
  question: "What goes wrong when a replica keeps state in memory, and what does Redis cost?",
  hypotheses: [
    {
      id: "redis-is-right",
      text:
        "With Redis no count is wrong, no update is lost and no session refused, with 1 and with 3 replicas",
    },
    {
      id: "memory-is-wrong",
      text:
        "In memory, 3 replicas answer two thirds of counts wrongly, lose two thirds of updates and refuse two " +
        "thirds of requests with a session (within 10 %)",
    },
    {
      id: "redis-is-cheap",
      text: "A count in Redis takes at most 3 ms longer at p50 than in memory",
    },
  ],
  theory:
    "Round-robin over N replicas with a memory each: the highest count grows with 1/N of the requests, and a " +
    "session is known to 1/N of the replicas: 1 - 1/N go wrong.",
  factors: [
    { name: "store", description: "where state is kept", levels: ["memory", "redis"] },
    { name: "replicas", description: "gateway replicas", levels: [1, 3] },
  ],
  method:
    "One login, then requests one after the other, alternately with its session and to the shared counter; a " +
    "count that is not above all before is wrong. Then GET /api/count/shared at 100/s for its latency, and by " +
    `${CLIENTS} closed-loop clients at once: what was answered in these two must equal the counter's growth.`,
  trials: { full: 5, quick: 3 },
  stack: ({ store }) => ({
    store: store as "memory" | "redis",
    gatewayEnv: { DEMO_PASSWORD: PASSWORD },
  }),
  arrange: (stack, { replicas }) => stack.scale({ gateway: Number(replicas) }),
  secondsPerTrial: (_levels, quick) =>
    seconds(quick) + crowdSeconds(quick) + requests(quick) * 0.006 + 0.7,

  async run(trial) {
    await sequence(trial);
    await concurrent(trial);
  },

  analyse: analyseState,
};

async function sequence(trial: TrialContext): Promise<void> {
  const { url } = trial.stack;
  const users = await (await fetch(`${url}/api/users?limit=1`)).json();
  const login = await fetch(`${url}/api/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user: users.items[0].id, password: PASSWORD }),
  });
  await login.body?.cancel();
  const cookie = login.headers.get("set-cookie")?.split(";")[0] ?? "";
  if (!login.ok) trial.warn("login-failed", `The login got status ${login.status}`, "invalid");
  const counts: number[] = [];
  const sessions: number[] = [];
  for (let i = 0; i < requests(trial.quick) && !trial.signal.aborted; i++) {
    // deno-lint-ignore no-await-in-loop -- one client, one request after the other
    counts.push(await count(url));
    // deno-lint-ignore no-await-in-loop -- as above
    const session = await fetch(`${url}/api/session`, { headers: { cookie } });
    // deno-lint-ignore no-await-in-loop -- as above
    await session.body?.cancel();
    sessions.push(session.status);
  }
  trial.keep("counts", counts);
  trial.keep("sessions", sessions);
}

/** Increments the shared counter of a replica, or of whichever the front chooses. @returns its value */
async function count(address: string): Promise<number> {
  return (await (await fetch(`${address}/api/count/shared`)).json()).count;
}

/** The counter before and after many clients, and how many of their increments were answered. */
async function concurrent(trial: TrialContext): Promise<void> {
  const url = `${trial.stack.url}/api/count/shared`;
  // On a port of its own: in memory each replica has another counter, and one must be held against itself.
  const [replica = ""] = await addressesOf(trial.stack, "gateway");
  const before = await count(replica);
  // Evenly spaced and quick: these hardly ever meet each other, and tell what one count costs.
  const spaced = await trial.probe("shared-count", {
    url,
    ratePerSecond: 100,
    durationSeconds: seconds(trial.quick),
  });
  const { samples } = await spaced.result;
  const crowd = await trial.oha("crowd", {
    url,
    mode: "closed",
    durationSeconds: crowdSeconds(trial.quick),
    connections: CLIENTS,
  });
  const after = await count(replica);
  const unclear = samples.filter((sample) => !isGood(sample) || sample.retries > 0).length +
    crowd.requests - crowd.good;
  if (unclear > 0) {
    trial.warn("unclear-counts", `${unclear} increments were not answered or sent twice`);
  }
  trial.observe("answered", samples.filter(isGood).length + crowd.good);
  trial.observe("grown", after - before - 1); // the last one is not theirs
}
