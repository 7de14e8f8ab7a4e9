/**
 * `headline`: the method behind "457x" (one request that blocks, one probe), repeated, and an effect that
 * can explain its 53 seconds.
 *
 * @module
 */
import type { Experiment, TrialContext } from "../experiment.ts";
import { createRandom } from "../stats/random.ts";
import { addressesOf } from "./arrangements.ts";
import {
  analyseHeadline,
  BINOMIAL_LEVEL,
  DEAD,
  expectedToMeet,
  staleMs,
} from "./headline_analysis.ts";
import { startStaleFront } from "./stale_front.ts";

/** The document did it once. */
const PROBES = 100;
const MEETING = expectedToMeet(PROBES);
const blockMs = (quick: boolean) => quick ? 80 : 300;

/** A case is a number of replicas, or a connect timeout of a front with dead addresses. */
const CASES = ["1 replica", "3 replicas", "stale 250 ms", "stale 500 ms", "stale 1000 ms"] as const;

/** The experiment. */
export const headline: Experiment = {
  name: "headline",
  title: "The headline that we start from",
  question:
    "What would the method behind “457x” report if it were repeated, and where do its 53 s come from?",
  hypotheses: [
    {
      id: "one-probe-says-anything",
      text:
        "Repeated, one probe reports improvements whose 5th and 95th percentile differ by more than 10 times",
    },
    {
      id: "a-third-finds-none",
      text:
        `A third of the probes meet the blocked replica and find an improvement below 3x: of ${PROBES}, ${MEETING.low} to ` +
        `${MEETING.high}, which is where ${
          100 * BINOMIAL_LEVEL
        } % of binomial counts of probability 1/3 lie`,
    },
    {
      id: "stale-names-wait",
      text:
        "With 2 dead addresses of 3 and no CPU work at all, the first request waits 2 connect timeouts (within 10 %)",
    },
  ],
  theory:
    "Behind 3 replicas a probe meets the blocked one with probability 1/3, wherever the balancer happens to be in " +
    "its round. An address that leads nowhere costs the connect timeout, 60 s by default in nginx, and each further " +
    "one again; a 3 s loop cannot delay a request by 53 s.",
  factors: [{
    name: "case",
    description: "what is probed",
    levels: CASES,
    quick: CASES.slice(0, 4),
  }],
  method:
    "One GET /api/cpu-bound inline; at a random point of the balancer's round one GET /api/users, timed; again and " +
    "again, 100 times (B = 300 ms, quick 80 ms). Improvements pair the i-th probe of 1 replica with that of 3. Stale: an nginx " +
    "whose list names 2 addresses that drop connections before the live one; its first request, timed.",
  trials: { full: 1, quick: 1 },
  stack: ({ case: name }) => ({
    replicas: name === "1 replica" ? 1 : 3,
    activeCheckMs: 3_600_000,
    gatewayEnv: { SHEDDING: "off" },
  }),
  secondsPerTrial: ({ case: name }, quick) =>
    String(name).startsWith("stale")
      ? 2 * staleMs(name) / 1000 + 2
      : PROBES * (blockMs(quick) + 30) / 1000 + 1,

  async run(trial) {
    const { case: name } = trial.levels;
    await (String(name).startsWith("stale") ? firstRequest(trial) : probeOften(trial));
  },

  analyse: analyseHeadline,
};

async function timed(url: string, signal: AbortSignal): Promise<number> {
  const startMs = performance.now();
  const response = await fetch(url, { signal });
  await response.body?.cancel();
  return performance.now() - startMs;
}

async function probeOften(trial: TrialContext): Promise<void> {
  const { url } = trial.stack;
  // A fixed seed would fix how many probes meet the blocked replica.
  const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  trial.observe("seed", seed);
  const random = createRandom(seed);
  const latencies: number[] = [];
  for (let i = 0; i < PROBES && !trial.signal.aborted; i++) {
    // Other people's requests: the probe stands anywhere in the round.
    for (let others = Math.floor(random() * 3); others > 0; others--) {
      // deno-lint-ignore no-await-in-loop -- one after the other
      await timed(`${url}/api/users?limit=1`, trial.signal);
    }
    const blocking = timed(
      `${url}/api/cpu-bound?ms=${blockMs(trial.quick)}&mode=inline`,
      trial.signal,
    );
    // deno-lint-ignore no-await-in-loop -- the block must have begun
    await trial.sleep(15);
    const skipped = Math.floor(random() * 3);
    for (let others = 0; others < skipped; others++) {
      // Not awaited: one that meets the blocked replica must not hold the probe back.
      timed(`${url}/api/users?limit=1`, trial.signal).catch(() => {});
    }
    // deno-lint-ignore no-await-in-loop -- they must have been sent
    if (skipped > 0) await trial.sleep(5);
    // deno-lint-ignore no-await-in-loop -- the one probe of the document
    latencies.push(await timed(`${url}/api/users?limit=1`, trial.signal));
    // deno-lint-ignore no-await-in-loop -- one block at a time
    await blocking;
  }
  trial.keep("latenciesMs", latencies);
}

async function firstRequest(trial: TrialContext): Promise<void> {
  const [address = ""] = await addressesOf(trial.stack, "gateway");
  await using front = await startStaleFront({
    live: new URL(address).host,
    dead: DEAD,
    connectTimeoutMs: staleMs(trial.levels.case),
  });
  trial.observe("firstMs", await timed(`${front.url}/api/users?limit=1`, trial.signal));
  trial.observe("secondMs", await timed(`${front.url}/api/users?limit=1`, trial.signal));
}
