/**
 * Bring your own: what any HTTP service can do. Offered rates grow until the service does not follow (the knee), then its
 * latencies at half of that.
 *
 * @module
 */
import type { Evidence } from "./evidence.ts";
import type { Analysis, Experiment, TrialContext } from "./experiment.ts";
import { latencyMs } from "./measures_of_samples.ts";
import { formatInterval } from "./report/format.ts";
import type { Metric } from "./results.ts";
import { meanInterval } from "./stats/interval.ts";

const FIRST_RATE = 20;
const GROWTH = 1.5;
const LAST_RATE = 50_000;
/** Below this share of the offered rate as good answers, a service does not follow. */
const FOLLOWS = 0.95;
/** The prober's process does no more than this with a good conscience. */
const MAX_PROBE_RATE = 1_000;

const stepSeconds = (quick: boolean) => quick ? 1 : 3;
const spectrumSeconds = (quick: boolean) => quick ? 3 : 10;

interface Step {
  ratePerSecond: number;
  goodputPerSecond: number;
  p50Ms: number | null;
  p99Ms: number | null;
}

/** An experiment on a service that runs already. */
export function sweepOf(url: string): Experiment {
  return {
    name: "sweep",
    title: `How much ${url} can do`,
    question: "Up to which rate does the service follow, and how fast is it at half of that?",
    hypotheses: [{
      id: "knee-found",
      text: `There is a rate that it does not follow (less than ${
        100 * FOLLOWS
      } % good answers) up to ${LAST_RATE}/s`,
    }],
    theory:
      "Below the knee good answers follow the offered rate; beyond it a queue grows as long as the load lasts.",
    factors: [],
    method:
      `GET at ${FIRST_RATE}/s, then ${GROWTH} times more each step, open loop, latency from the intended send time, ` +
      "until good answers stay behind; then half the last rate that it followed, for the latencies.",
    trials: { full: 5, quick: 3 },
    stack: () => null,
    secondsPerTrial: (_levels, quick) => 14 * stepSeconds(quick) + spectrumSeconds(quick),
    run: (trial) => run(trial, url),
    analyse,
  };
}

async function run(trial: TrialContext, url: string): Promise<void> {
  const steps: Step[] = [];
  let kneePerSecond = 0;
  for (let rate = FIRST_RATE; rate <= LAST_RATE && !trial.signal.aborted; rate *= GROWTH) {
    const ratePerSecond = Math.round(rate);
    // deno-lint-ignore no-await-in-loop -- one rate after the other
    const { goodputPerSecond, latencyMs } = await trial.oha(`rate-${ratePerSecond}`, {
      url,
      mode: "open",
      ratePerSecond,
      durationSeconds: stepSeconds(trial.quick),
      timeoutMs: 5_000,
    });
    const { p50 = null, p99 = null } = latencyMs;
    steps.push({ ratePerSecond, goodputPerSecond, p50Ms: p50, p99Ms: p99 });
    if (goodputPerSecond < FOLLOWS * ratePerSecond) break;
    kneePerSecond = ratePerSecond;
  }
  trial.keep("steps", steps);
  trial.observe("kneePerSecond", kneePerSecond);
  trial.observe("found", steps.at(-1)?.ratePerSecond === kneePerSecond ? 0 : 1);
  const spectrum = await trial.probe("spectrum", {
    url,
    ratePerSecond: Math.min(MAX_PROBE_RATE, Math.max(FIRST_RATE / 2, kneePerSecond / 2)),
    durationSeconds: spectrumSeconds(trial.quick),
  });
  await spectrum.result;
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
  const found = evidence.trials.every((trial) => trial.number("found") === 1);
  const sentence = `It follows up to ${formatInterval(knee.value, "requests/s")}.`;
  return {
    answer: `${sentence} At half of that: ${
      latencies.map(({ title, value }) => `${title.split(" ")[0]} ${formatInterval(value, "ms")}`)
        .join(", ")
    }.`,
    verdicts: [{ hypothesis: "knee-found", outcome: found ? "held" : "failed", sentence }],
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
