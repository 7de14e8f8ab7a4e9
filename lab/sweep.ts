/**
 * Bring your own: what any HTTP service can do. Offered rates grow until the service does not follow (the knee), then its
 * latencies at half of that.
 *
 * @module
 */
import type { Evidence } from "./evidence.ts";
import type { Analysis, Experiment, TrialContext } from "./experiment.ts";
import type { OhaResult } from "./load/oha.ts";
import { backlogGrowth } from "./load/oha_responses.ts";
import { latencyMs } from "./measures_of_samples.ts";
import { formatInterval } from "./report/format.ts";
import type { Metric, Outcome } from "./results.ts";
import { meanInterval } from "./stats/interval.ts";
import { littleConcurrency } from "./stats/queueing.ts";

const FIRST_RATE = 20;
const GROWTH = 1.5;
const LAST_RATE = 50_000;
/** Below this share of the offered rate as good answers, a service does not follow. */
const FOLLOWS = 0.95;
/** Standard errors by which latency must grow: jitter over a second looks like growth. */
const SURE = 3;
/** oha's own default of an open loop; enough for 10 s at the first rate. */
const LEAST_CONNECTIONS = 200;
/** More connections than this are another experiment. */
const MOST_CONNECTIONS = 4_000;
/** The prober's process does no more than this with a good conscience. */
const MAX_PROBE_RATE = 1_000;

const stepSeconds = (quick: boolean) => quick ? 1 : 3;
const spectrumSeconds = (quick: boolean) => quick ? 3 : 10;

interface Step {
  ratePerSecond: number;
  /** Good answers a second while the load lasted. */
  goodputPerSecond: number;
  follows: boolean;
  p50Ms: number | null;
  p99Ms: number | null;
}

/** What ended a sweep: the service, the load generator, or the last rate. */
type Limit = "service" | "generator" | "last rate";

/** An experiment on a service that runs already. `lastRate` is for tests. */
export function sweepOf(
  url: string,
  { lastRate = LAST_RATE }: { lastRate?: number } = {},
): Experiment {
  return {
    name: "sweep",
    title: `How much ${url} can do`,
    question: "Up to which rate does the service follow, and how fast is it at half of that?",
    hypotheses: [{
      id: "knee-found",
      text: `There is a rate that it does not follow (less than ${
        100 * FOLLOWS
      } % good answers) up to ${lastRate}/s`,
    }],
    theory:
      "Below the knee good answers follow the offered rate, however long each takes; beyond it a queue grows as long as " +
      "the load lasts, by q / C - 1 seconds a second when q is offered and C is served.",
    factors: [],
    method:
      `GET at ${FIRST_RATE}/s, then ${GROWTH} times more each step, open loop, latency from the intended send time, ` +
      "until answers fail or latency grows with the time of sending; twice the connections that the latency so far " +
      "needs. Then half the last rate that it followed, for the latencies.",
    trials: { full: 5, quick: 3 },
    stack: () => null,
    secondsPerTrial: (_levels, quick) => 14 * stepSeconds(quick) + spectrumSeconds(quick),
    run: (trial) => run(trial, { url, lastRate }),
    analyse,
  };
}

async function run(
  trial: TrialContext,
  { url, lastRate }: { url: string; lastRate: number },
): Promise<void> {
  const { steps, limit } = await climb(trial, { url, lastRate });
  const kneePerSecond = steps.findLast(({ follows }) => follows)?.ratePerSecond ?? 0;
  trial.keep("steps", steps);
  trial.keep("limit", limit);
  trial.observe("kneePerSecond", kneePerSecond);
  const spectrum = await trial.probe("spectrum", {
    url,
    ratePerSecond: Math.min(MAX_PROBE_RATE, Math.max(FIRST_RATE / 2, kneePerSecond / 2)),
    durationSeconds: spectrumSeconds(trial.quick),
  });
  await spectrum.result;
}

/** Offers more and more until something is the limit. What the generator could not offer is no step. */
export async function climb(
  trial: Pick<TrialContext, "oha" | "quick" | "signal">,
  { url, lastRate }: { url: string; lastRate: number },
): Promise<{ steps: Step[]; limit: Limit }> {
  const steps: Step[] = [];
  for (let rate = FIRST_RATE; rate <= lastRate && !trial.signal.aborted; rate *= GROWTH) {
    const ratePerSecond = Math.round(rate);
    const connections = connectionsFor(ratePerSecond, steps.at(-1)?.p99Ms ?? 0);
    if (connections > MOST_CONNECTIONS) return { steps, limit: "generator" };
    // deno-lint-ignore no-await-in-loop -- one rate after the other
    const load = await trial.oha(`rate-${ratePerSecond}`, {
      ...{ url, mode: "open", ratePerSecond, connections },
      durationSeconds: stepSeconds(trial.quick),
      timeoutMs: 5_000,
    }, { bottleneck: "caution" });
    if (load.generator.bottleneck) return { steps, limit: "generator" };
    const step = judgeStep(ratePerSecond, load);
    steps.push(step);
    if (!step.follows) return { steps, limit: "service" };
  }
  return { steps, limit: "last rate" };
}

/**
 * Twice what the last latency needs (Little's law): when these are all busy, latency has doubled, and that is the service's
 * doing.
 */
export function connectionsFor(ratePerSecond: number, latencyMs: number): number {
  return Math.max(LEAST_CONNECTIONS, Math.ceil(2 * littleConcurrency(ratePerSecond, latencyMs)));
}

/** Whether a service followed. Slow is not behind: only failures count, and latency that grows as the load lasts. */
export function judgeStep(
  ratePerSecond: number,
  load: Pick<OhaResult, "good" | "requests" | "responses" | "latencyMs">,
): Step {
  const { slope, error } = backlogGrowth(load.responses ?? []);
  const growth = slope > SURE * error ? slope : 0;
  const share = load.good / load.requests / (1 + growth);
  const { p50 = null, p99 = null } = load.latencyMs;
  return {
    ratePerSecond,
    goodputPerSecond: share * ratePerSecond,
    follows: share >= FOLLOWS,
    p50Ms: p50,
    p99Ms: p99,
  };
}

function analyse(evidence: Evidence): Analysis {
  const knee = evidence.metric(
    { name: "knee", title: "Highest rate followed", unit: "requests/s", better: "higher" },
    {},
    (trial) => trial.number("kneePerSecond"),
  );
  const latencies = [0.5, 0.99, 0.999].map((p): Metric =>
    evidence.metric(
      { name: `p${p * 100}`, title: `p${p * 100} at half the knee`, unit: "ms", better: "lower" },
      {},
      (trial) => latencyMs(trial.samples("spectrum"), p),
    )
  );
  const sentence = sentenceOf(evidence, knee);
  return {
    answer: `${sentence} At half of that: ${
      latencies.map(({ title, value }) => `${title.split(" ")[0]} ${formatInterval(value, "ms")}`)
        .join(", ")
    }.`,
    verdicts: [{ hypothesis: "knee-found", outcome: outcomeOf(evidence), sentence }],
    headline: [],
    metrics: [knee, ...latencies],
    charts: [curveOf(evidence, sentence), {
      kind: "spectrum",
      id: "spectrum",
      title: "Latency by percentile at half the knee",
      alternative: latencies.map(({ title, value }) => `${title} ${formatInterval(value, "ms")}`)
        .join("; "),
      series: [{
        label: "all trials",
        paths: evidence.trials.map((trial) => trial.path("spectrum")),
      }],
    }],
  };
}

function limitsOf(evidence: Evidence): Set<Limit> {
  return new Set(evidence.trials.map(({ record }) => record.data.limit as Limit));
}

/** A knee that the generator could not reach is neither found nor refuted. */
function outcomeOf(evidence: Evidence): Outcome {
  const limits = limitsOf(evidence);
  if (limits.has("generator")) return "inconclusive";
  return limits.has("last rate") ? "failed" : "held";
}

function sentenceOf(evidence: Evidence, knee: Metric): string {
  const limits = limitsOf(evidence);
  const rate = formatInterval(knee.value, "requests/s");
  if (limits.has("generator")) {
    return `It follows at least ${rate}; the load generator can do no more.`;
  }
  if (limits.has("last rate")) return `It follows at least ${rate}, the last rate that was tried.`;
  return knee.value.estimate === 0
    ? `It does not follow ${FIRST_RATE}/s, the first rate that was tried.`
    : `It follows up to ${rate}.`;
}

function curveOf(evidence: Evidence, sentence: string): Analysis["charts"][number] {
  const stepsOf = ({ record }: Evidence["trials"][number]) => record.data.steps as Step[];
  const rates = [...new Set(evidence.trials.flatMap(stepsOf).map((step) => step.ratePerSecond))]
    .sort((a, b) => a - b);
  return {
    kind: "curve",
    id: "goodput",
    title: "Good answers by offered rate",
    alternative: sentence,
    x: { label: "Offered rate", unit: "requests/s" },
    y: { label: "Good answers", unit: "requests/s" },
    series: [{
      label: "measured",
      points: rates.map((rate) => {
        const seen = evidence.trials.flatMap(stepsOf)
          .filter((step) => step.ratePerSecond === rate)
          .map((step) => step.goodputPerSecond);
        return { x: rate, y: meanInterval(seen) };
      }),
    }],
    ideal: rates.map((rate) => ({ x: rate, y: rate })),
    fit: null,
  };
}
