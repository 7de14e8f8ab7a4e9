/**
 * `headline`: the method behind "457x" (one request that blocks, one probe), repeated, and the effect that explains its
 * 53 seconds.
 *
 * @module
 */
import { type Evidence, within } from "../evidence.ts";
import type { Analysis, Experiment, TrialContext } from "../experiment.ts";
import { listing } from "../findings.ts";
import { formatValue } from "../report/format.ts";
import type { Interval, Metric, Verdict } from "../results.ts";
import { binomialRange } from "../stats/binomial.ts";
import { meanInterval } from "../stats/interval.ts";
import { percentile } from "../stats/percentile.ts";
import { createRandom } from "../stats/random.ts";
import { addressesOf } from "./arrangements.ts";
import { startStaleFront } from "./stale_front.ts";

/** What the document reports. */
const CLAIMED = 457;
const DEAD = 2;
/** nginx's default of `proxy_connect_timeout`. */
const DEFAULT_CONNECT_MS = 60_000;

/** The document did it once. */
const PROBES = 100;
/** A probe behind three replicas meets the blocked one with this probability, so the number that do is binomial. */
const MEETS = 1 / 3;
/** A true claim fails once in a hundred runs. */
const BINOMIAL_LEVEL = 0.99;
const MEETING = binomialRange(PROBES, MEETS, BINOMIAL_LEVEL);
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

  analyse,
};

function staleMs(name: string | number | undefined): number {
  return Number(/\d+/.exec(String(name))?.[0] ?? NaN);
}

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

function analyse(evidence: Evidence): Analysis {
  const improvements = improvementsOf(evidence);
  const spread = percentile(improvements, 0.95) / percentile(improvements, 0.05);
  const none = improvements.filter((factor) => factor < 3).length;
  const expected = binomialRange(improvements.length, MEETS, BINOMIAL_LEVEL);
  const stale = evidence.cells().filter(({ case: name }) => String(name).startsWith("stale"))
    .map((levels) =>
      evidence.metric(
        {
          ...{ name: "first-request", title: "First request", unit: "ms", better: "lower" },
          theory: DEAD * staleMs(levels.case),
        },
        levels,
        (trial) => trial.number("firstMs"),
      )
    );
  const measured = improvements.length > 0;
  const range = measured
    ? `${formatValue(percentile(improvements, 0.05), "ratio")} to ${
      formatValue(percentile(improvements, 0.95), "ratio")
    }`
    : "nothing";
  const verdicts: Verdict[] = [
    {
      hypothesis: "one-probe-says-anything",
      outcome: measured ? spread > 10 ? "held" : "failed" : "inconclusive",
      sentence: `${improvements.length} repetitions reported ${range} (5th to 95th percentile).`,
    },
    {
      hypothesis: "a-third-finds-none",
      outcome: !measured
        ? "inconclusive"
        : none >= expected.low && none <= expected.high
        ? "held"
        : "failed",
      sentence:
        `${none} of ${improvements.length} probes found less than 3x (theory: ${expected.low} to ` +
        `${expected.high}).`,
    },
    staleVerdict(stale),
  ];
  return {
    answer:
      `The document's method reports anything from ${range}; stale addresses make a first request wait ` +
      `${DEAD} connect timeouts, which are ${
        DEAD * DEFAULT_CONNECT_MS / 1000
      } s at nginx's default.`,
    verdicts,
    headline: [],
    metrics: [...probeMetrics(evidence), ...stale],
    charts: [
      ...(measured ? [histogramOf(improvements, range)] : []),
      ...(stale.length > 0 ? [staleChart(stale)] : []),
    ],
  };
}

function latencies(evidence: Evidence, name: string): number[] {
  return evidence.where({ case: name })
    .flatMap(({ record }) => record.data.latenciesMs as number[]);
}

/** What the document would have reported each time: the i-th probe of 1 replica over the i-th of 3. */
function improvementsOf(evidence: Evidence): number[] {
  const three = latencies(evidence, "3 replicas");
  return latencies(evidence, "1 replica").flatMap((one, i) => {
    const other = three[i];
    return other === undefined ? [] : [one / other];
  });
}

function probeMetrics(evidence: Evidence): Metric[] {
  return ["1 replica", "3 replicas"].filter((name) => evidence.has({ case: name })).map((name) =>
    evidence.metric(
      { name: "median-probe", title: "Median probe", unit: "ms", better: "lower" },
      { case: name },
      ({ record }) => percentile(record.data.latenciesMs as number[], 0.5),
    )
  );
}

/** One trial a level is enough where three levels must all obey: the levels are the repetition. */
function staleVerdict(stale: readonly Metric[]): Verdict {
  const shares: Interval = meanInterval(
    stale.flatMap(({ perTrial, theory }) => perTrial.map(({ value }) => value / (theory ?? NaN))),
  );
  return {
    hypothesis: "stale-names-wait",
    outcome: within(shares, 1, 0.1),
    sentence: `${listing(stale)}.`,
  };
}

function histogramOf(improvements: readonly number[], range: string): Analysis["charts"][number] {
  return {
    kind: "histogram",
    id: "improvements",
    title: "Improvements that one probe reports",
    alternative:
      `${improvements.length} improvements between ${range}; a cluster near 1x met the blocked replica, the rest an ` +
      "idle one, and its size depends on how long the block is and nothing else.",
    axis: { label: "Improvement, 1 replica over 3", unit: "x" },
    scale: "log",
    series: [{ label: "one probe each", values: [...improvements] }],
    marks: [{ value: CLAIMED, text: `the document: ${CLAIMED}x` }],
  };
}

function staleChart(stale: readonly Metric[]): Analysis["charts"][number] {
  return {
    kind: "bars",
    id: "stale",
    title: "First request with 2 of 3 addresses dead, no CPU work",
    alternative: listing(stale),
    axis: { label: "Latency", unit: "ms" },
    scale: "linear",
    rows: stale.map(({ levels, value, theory }) => ({ label: String(levels.case), value, theory })),
  };
}
