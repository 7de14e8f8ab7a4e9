/**
 * `breaker`: a service hangs or fails, then recovers, with and without the gateway's protections.
 *
 * @module
 */
import type { Evidence, TrialEvidence } from "../evidence.ts";
import type { Analysis, Experiment, TrialContext } from "../experiment.ts";
import { ceilingVerdict, cellName, headlineRows, listing, ratioVerdict } from "../findings.ts";
import { isGood, type Sample } from "../load/sample.ts";
import { latencyMs } from "../measures_of_samples.ts";
import type { Levels, Metric, Verdict } from "../results.ts";
import { untilReady } from "./arrangements.ts";
import { strike } from "./strike.ts";

const VICTIM_RATE = 60;
const BYSTANDER_RATE = 100;
/** A breaker needs calls that failed, and those that hang fail after 2 s; what comes after this is its work. */
const SETTLE_MS = 2_700;
/** This many good answers in a row are a recovery. */
const RECOVERED_AFTER = 10;

const phases = (quick: boolean) =>
  quick
    ? { leadMs: 400, faultMs: 3_600, restMs: 4_600 }
    : { leadMs: 3_000, faultMs: 8_000, restMs: 9_000 };

/** Layers of the gateway that are switched off. */
const PROTECTIONS: Record<string, string> = {
  "all": "",
  "no-breaker": "breaker",
  "none": "coalesce,bulkhead,retry,hedge,breaker,ejection",
};

/** The experiment. */
export const breaker: Experiment = {
  name: "breaker",
  title: "A dependency fails",
  question: "What do callers and bystanders see while one service hangs or fails?",
  hypotheses: [
    {
      id: "fails-fast",
      text:
        "With everything on, a request to the failed service is answered in at most 10 ms (p50)",
    },
    {
      id: "breaker-helps",
      text:
        "Without the breaker the same requests take at least 50 times longer (p50) while the service hangs",
    },
    {
      id: "no-amplification",
      text: "With everything on, at most 1.2 attempts a request reach the failed service",
    },
    {
      id: "recovers",
      text: "With everything on, requests succeed again at most 8 s after the service does",
    },
  ],
  theory:
    "A hanging dependency holds every caller for the whole timeout (2 s); a breaker that is open answers at once " +
    "and asks again after 5 s with jitter.",
  factors: [
    {
      name: "protection",
      description: "layers of the upstream client",
      levels: Object.keys(PROTECTIONS),
      quick: ["all", "no-breaker"],
    },
    {
      name: "fault",
      description: "what the orders service does",
      levels: ["hang", "error"],
      quick: ["hang"],
    },
  ],
  method:
    `One gateway replica. GET /api/orders at ${VICTIM_RATE}/s and GET /api/users at ${BYSTANDER_RATE}/s, open ` +
    "loop. orders is stopped (SIGSTOP) or answers 500 to all, and then goes on. Latencies are of the time from 2.7 s " +
    "after the fault's start to its end.",
  trials: { full: 3, quick: 2 },
  stack: ({ protection }) => ({
    replicas: 1,
    faults: true,
    gatewayEnv: { LAYERS_OFF: PROTECTIONS[String(protection)] ?? "", SHEDDING: "off" },
  }),
  arrange: (stack) => untilReady(stack, AbortSignal.timeout(20_000)),
  secondsPerTrial: (_levels, quick) => {
    const { leadMs, faultMs, restMs } = phases(quick);
    return (leadMs + faultMs + restMs) / 1000 + 0.5;
  },

  async run(trial) {
    const { url } = trial.stack;
    const { leadMs, faultMs, restMs } = phases(trial.quick);
    const { items } = await (await fetch(`${url}/api/users?limit=50`)).json();
    const ids: string[] = items.map(({ id }: { id: string }) => id);
    const load = { durationSeconds: (leadMs + faultMs + restMs) / 1000, timeoutMs: 10_000 };
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
    const attemptsBefore = await attempts(trial);
    const atMs = trial.elapsedMs();
    const recover = await strike(trial);
    try {
      await trial.sleep(faultMs);
      trial.observe("attempts", await attempts(trial) - attemptsBefore);
    } finally {
      await recover();
    }
    trial.event({
      ...{ kind: "fault", text: `orders: ${trial.levels.fault}` },
      ...{ atMs, untilMs: trial.elapsedMs() },
    });
    trial.observe("faultAtMs", atMs);
    trial.observe("recoveredAtMs", trial.elapsedMs());
    await Promise.all([victim.result, bystander.result]);
  },

  analyse,
};

/** Attempts that the gateway has made at orders. */
async function attempts({ stack }: TrialContext): Promise<number> {
  const metrics = await (await fetch(`${stack.url}/api/metrics`)).json();
  return Number(metrics.upstreams.orders.attempts);
}

function during(trial: TrialEvidence, label: string): readonly Sample[] {
  const from = trial.number("faultAtMs") + SETTLE_MS;
  const to = trial.number("recoveredAtMs");
  return trial.samples(label).filter(({ intendedMs }) => intendedMs >= from && intendedMs < to);
}

const victimP50 = (trial: TrialEvidence) => latencyMs(during(trial, "orders"), 0.5);

function amplification(trial: TrialEvidence): number {
  const from = trial.number("faultAtMs");
  const to = trial.number("recoveredAtMs");
  const requests = trial.samples("orders")
    .filter(({ intendedMs }) => intendedMs >= from && intendedMs < to);
  return trial.number("attempts") / requests.length;
}

/** From the service's recovery to the first of ten good answers in a row; to the trial's end when there are none. */
function recoveryMs(trial: TrialEvidence): number {
  const from = trial.number("recoveredAtMs");
  const after = trial.samples("orders").filter(({ intendedMs }) => intendedMs >= from);
  const first = after.findIndex((_, i) =>
    i + RECOVERED_AFTER <= after.length && after.slice(i, i + RECOVERED_AFTER).every(isGood)
  );
  return (after[first]?.intendedMs ?? trial.record.durationMs) - from;
}

function analyse(evidence: Evidence): Analysis {
  const cells = evidence.cells().toSorted((a, b) => cellName(a).localeCompare(cellName(b)));
  const metrics = cells.flatMap((levels) => metricsOf(evidence, levels));
  const all = (name: string) =>
    metrics.filter((metric) => metric.name === name && metric.levels.protection === "all");
  const ratio = evidence.ratio({
    numerator: { protection: "no-breaker", fault: "hang" },
    denominator: { protection: "all", fault: "hang" },
  }, victimP50);
  const verdicts: Verdict[] = [
    ceilingVerdict("fails-fast", all("victim-p50"), 10),
    ratioVerdict("breaker-helps", ratio, 50, "longer (p50) without the breaker"),
    ceilingVerdict("no-amplification", all("amplification"), 1.2),
    ceilingVerdict("recovers", all("recovery"), 8_000),
  ];
  const headline = headlineRows(evidence, verdicts, [{
    lever: "circuit breaker, while a service hangs",
    measure: "p50 of requests to the hanging service",
    unit: "ms",
    better: "lower",
    from: { protection: "no-breaker", fault: "hang" },
    to: { protection: "all", fault: "hang" },
    value: victimP50,
    hypothesis: "breaker-helps",
  }]);
  return {
    answer: `With everything on: ${listing([...all("victim-p50"), ...all("amplification")])}.`,
    verdicts,
    headline,
    metrics,
    charts: cells.flatMap((levels) => {
      const [trial] = evidence.where(levels);
      return trial
        ? [{
          kind: "timeline" as const,
          id: `timeline-${Object.values(levels).join("-")}`,
          title: `${cellName(levels)}: one trial`,
          alternative: listing(metrics.filter((metric) => metric.levels === levels)),
          series: [
            { label: "GET /api/orders (the failing service)", paths: [trial.path("orders")] },
            { label: "GET /api/users (a bystander)", paths: [trial.path("users")] },
          ],
          bucketMs: 200,
          delayedAboveMs: 250,
          events: trial.record.events,
        }]
        : [];
    }),
  };
}

function metricsOf(evidence: Evidence, levels: Levels): Metric[] {
  const better = "lower";
  return [
    evidence.metric(
      { name: "victim-p50", title: "p50 of orders during the fault", unit: "ms", better },
      levels,
      victimP50,
    ),
    evidence.metric(
      { name: "victim-p99", title: "p99 of orders during the fault", unit: "ms", better },
      levels,
      (trial) => latencyMs(during(trial, "orders"), 0.99),
    ),
    evidence.metric(
      { name: "bystander-p99", title: "p99 of users during the fault", unit: "ms", better },
      levels,
      (trial) => latencyMs(during(trial, "users"), 0.99),
    ),
    evidence.metric(
      { name: "amplification", title: "Attempts a request", unit: "ratio", better },
      levels,
      amplification,
    ),
    evidence.metric(
      { name: "recovery", title: "Time to recover", unit: "ms", better },
      levels,
      recoveryMs,
    ),
  ];
}
