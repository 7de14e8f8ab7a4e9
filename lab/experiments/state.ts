/**
 * `state`: counters and sessions kept in a replica's memory and in Redis.
 *
 * @module
 */
import { countVerdict } from "../counts.ts";
import { allOf, type Evidence, type TrialEvidence, within } from "../evidence.ts";
import type { Analysis, Experiment, TrialContext } from "../experiment.ts";
import { ceilingVerdict, cellName, headlineRows, listing } from "../findings.ts";
import { isGood } from "../load/sample.ts";
import { latencyMs } from "../measures_of_samples.ts";
import { formatInterval } from "../report/format.ts";
import type { HeadlineRow, Levels, Metric, Verdict } from "../results.ts";
import { addressesOf } from "./arrangements.ts";

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

  analyse,
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

/** Each count with the highest before it. */
function runningMaximum(counts: readonly number[]): number[] {
  let highest = -Infinity;
  return counts.map((count) => {
    const before = highest;
    highest = Math.max(highest, count);
    return before;
  });
}

/** A client that asks one time after the other must see a higher count each time. */
function wrongCounts(trial: TrialEvidence): number {
  const counts = trial.record.data.counts as number[];
  const before = runningMaximum(counts);
  return counts.filter((count, i) => !(count > (before[i] ?? 0))).length / counts.length;
}

/** The share of answered increments that the counter does not show. */
function lostUpdates(trial: TrialEvidence): number {
  return Math.max(0, 1 - trial.number("grown") / trial.number("answered"));
}

function lostSessions(trial: TrialEvidence): number {
  const sessions = trial.record.data.sessions as number[];
  return sessions.filter((status) => status !== 200).length / sessions.length;
}

/** Everything that could have been wrong. */
function answers(trial: TrialEvidence): number {
  const { counts, sessions } = trial.record.data as Record<string, number[]>;
  return (counts?.length ?? 0) + (sessions?.length ?? 0) + trial.number("answered");
}

const p50 = (trial: TrialEvidence) => latencyMs(trial.samples("shared-count"), 0.5);

function analyse(evidence: Evidence): Analysis {
  const cells = evidence.cells();
  const metrics = cells.flatMap((levels) => metricsOf(evidence, levels));
  const of = (name: string, levels: Levels) =>
    metrics.filter((metric) =>
      metric.name === name &&
      Object.entries(levels).every(([factor, level]) => metric.levels[factor] === level)
    );
  const wrong = (levels: Levels) =>
    ["wrong-counts", "lost-updates", "lost-sessions"].flatMap((name) => of(name, levels));
  const memory = wrong({ store: "memory", replicas: 3 });
  const cost = costOf(evidence);
  const right = countVerdict("redis-is-right", {
    metrics: wrong({ store: "redis" }),
    of: evidence.where({ store: "redis" }).reduce((sum, trial) => sum + answers(trial), 0),
    what: "answers",
  });
  const verdicts: Verdict[] = [
    right,
    {
      hypothesis: "memory-is-wrong",
      outcome: allOf(memory.map(({ value }) => within(value, 2 / 3, 0.1))),
      sentence: `${listing(memory)}.`,
    },
    ceilingVerdict("redis-is-cheap", cost, 3),
  ];
  const rows = wrong({});
  const headline = headlineOf(evidence, verdicts);
  return {
    answer: `With 3 replicas, memory: ${
      memory.map(({ title, value }) => `${title.toLowerCase()} ${formatInterval(value, "share")}`)
        .join(", ") || "not measured"
    }. Redis: ${right.outcome === "held" ? "none wrong" : right.sentence.slice(0, -1)}; ${
      listing(cost)
    }.`,
    verdicts,
    headline,
    metrics: [...metrics, ...cost],
    charts: [{
      kind: "bars",
      id: "wrong",
      title: "Wrong answers",
      alternative: listing(rows),
      axis: { label: "Share of requests", unit: "" },
      scale: "linear",
      rows: rows.map(({ levels, title, value, theory }) => ({
        ...{ label: `${title}: ${cellName(levels)}`, group: title, value, theory },
      })),
    }],
  };
}

/** What Redis buys with three replicas, and its price with one. */
function headlineOf(evidence: Evidence, verdicts: readonly Verdict[]): HeadlineRow[] {
  const right = (wrong: (trial: TrialEvidence) => number) => ({
    ...{ lever: "Redis instead of memory, 3 replicas", unit: "share", better: "higher" } as const,
    from: { store: "memory", replicas: 3 },
    to: { store: "redis", replicas: 3 },
    value: (trial: TrialEvidence) => 1 - wrong(trial),
    hypothesis: "redis-is-right",
  });
  return headlineRows(evidence, verdicts, [
    { ...right(wrongCounts), measure: "counts that were right" },
    { ...right(lostSessions), measure: "requests whose session was known" },
    {
      ...{
        lever: "Redis instead of memory, 1 replica: its price",
        measure: "p50 of a shared count",
      },
      ...{ unit: "ms", better: "lower", value: p50, hypothesis: "redis-is-cheap" },
      from: { store: "memory", replicas: 1 },
      to: { store: "redis", replicas: 1 },
    },
  ]);
}

/** How much longer a count takes in Redis, pair by pair. */
function costOf(evidence: Evidence): Metric[] {
  const memory = new Map(
    evidence.where({ store: "memory", replicas: 1 })
      .map((trial) => [trial.record.repetition, p50(trial)]),
  );
  const redis = evidence.where({ store: "redis", replicas: 1 });
  if (redis.length === 0 || !redis.every(({ record }) => memory.has(record.repetition))) return [];
  return [evidence.metric(
    { name: "redis-cost", title: "Extra p50 of a count in Redis", unit: "ms", better: "lower" },
    { store: "redis", replicas: 1 },
    (trial) => p50(trial) - (memory.get(trial.record.repetition) ?? NaN),
  )];
}

function metricsOf(evidence: Evidence, levels: Levels): Metric[] {
  const theory = levels.store === "redis" ? 0 : 1 - 1 / Number(levels.replicas);
  const wrong = { unit: "share", better: "lower", theory } as const;
  return [
    evidence.metric({ name: "wrong-counts", title: "Wrong counts", ...wrong }, levels, wrongCounts),
    evidence.metric({ name: "lost-updates", title: "Lost updates", ...wrong }, levels, lostUpdates),
    evidence.metric(
      { name: "lost-sessions", title: "Refused sessions", ...wrong },
      levels,
      lostSessions,
    ),
    evidence.metric(
      { name: "p50", title: "p50 of a shared count", unit: "ms", better: "lower" },
      levels,
      p50,
    ),
  ];
}
