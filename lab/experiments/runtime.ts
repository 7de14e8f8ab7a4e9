/**
 * `runtime`: the same files on Deno and on Node.
 *
 * @module
 */
import { atLeast, type Evidence, type TrialEvidence } from "../evidence.ts";
import type { Analysis, Experiment } from "../experiment.ts";
import { cellName } from "../findings.ts";
import { formatInterval } from "../report/format.ts";
import type { Metric } from "../results.ts";
import { goodAnswers, meterCpu } from "./process_costs.ts";

const CLIENTS = 16;
const seconds = (quick: boolean) => quick ? 1.5 : 4;

/** The experiment. */
export const runtime: Experiment = {
  name: "runtime",
  title: "Deno or Node",
  question: "What does the same system cost on Deno and on Node?",
  hypotheses: [{
    id: "deno-takes-less",
    text: "A request costs the gateway less CPU time on Deno than on Node",
  }],
  theory:
    "None: the files are the same, the HTTP servers and clients below them are not. Measured before on one machine: " +
    "a bare fetch hop cost 69 µs on Deno, with undici on Node 161 µs. That is why the claim has a direction; how much less " +
    "is a question, and has no bound.",
  factors: [{
    name: "runtime",
    description: "what runs gateway and services",
    levels: ["deno", "node"],
  }],
  method:
    `One gateway replica behind nginx, ${CLIENTS} closed-loop clients, GET /api/users?limit=1; CPU time of the ` +
    "gateway's and the service's process over the load, divided by the good answers. The gateway asks the services by " +
    "fetch on both (HTTP_CLIENT): the client of its own that it has on Deno is no merit of the runtime.",
  trials: { full: 5, quick: 2 },
  stack: ({ runtime }) => ({
    replicas: 1,
    runtime: runtime as "deno" | "node",
    gatewayEnv: { HTTP_CLIENT: "fetch" },
  }),
  secondsPerTrial: (_levels, quick) => seconds(quick) + 0.4,

  async run(trial) {
    const cpu = await meterCpu(trial.stack);
    const load = await trial.oha("users", {
      url: `${trial.stack.url}/api/users?limit=1`,
      mode: "closed",
      durationSeconds: seconds(trial.quick),
      connections: CLIENTS,
    });
    const used = await cpu();
    if (!used) return trial.warn("no-cpu-time", "The platform does not say CPU times", "invalid");
    const { goodputPerSecond, latencyMs } = load;
    const answers = goodAnswers(trial, load);
    for (const service of ["gateway", "users", "front"]) {
      trial.observe(`${service}CpuUs`, (used.get(service) ?? 0) / answers);
    }
    trial.observe("goodputPerSecond", goodputPerSecond);
    trial.observe("p99Ms", latencyMs.p99 ?? NaN);
  },

  analyse,
};

const gatewayCpu = (trial: TrialEvidence) => trial.number("gatewayCpuUs");

function analyse(evidence: Evidence): Analysis {
  const metrics = evidence.cells().flatMap((levels): Metric[] => [
    ...(["gateway", "users"] as const).map((service) =>
      evidence.metric(
        {
          ...{ name: `${service}-cpu`, title: `CPU of ${service}`, unit: "µs/request" },
          better: "lower",
        },
        levels,
        (trial) => trial.number(`${service}CpuUs`),
      )
    ),
    evidence.metric(
      { name: "rate", title: "Rate through the front", unit: "requests/s", better: "higher" },
      levels,
      (trial) => trial.number("goodputPerSecond"),
    ),
    evidence.metric(
      { name: "p99", title: "p99 latency", unit: "ms", better: "lower" },
      levels,
      (trial) => trial.number("p99Ms"),
    ),
  ]);
  const ratio = evidence.ratio({
    numerator: { runtime: "node" },
    denominator: { runtime: "deno" },
  }, gatewayCpu);
  const sentence = ratio
    ? `On Node the gateway takes ${
      formatInterval(ratio, "ratio")
    } the CPU time that it takes on Deno.`
    : "Not measured in this run.";
  const cpu = metrics.filter(({ unit }) => unit === "µs/request");
  return {
    answer: sentence,
    verdicts: [{
      hypothesis: "deno-takes-less",
      outcome: atLeast(ratio, 1),
      sentence,
    }],
    headline: [],
    metrics,
    charts: [{
      kind: "bars",
      id: "cpu",
      title: "CPU time a request",
      alternative: cpu.map(({ levels, title, value }) =>
        `${cellName(levels)} ${title} ${formatInterval(value, "µs/request")}`
      ).join("; "),
      axis: { label: "CPU time", unit: "µs/request" },
      scale: "linear",
      rows: cpu.map(({ levels, title, value, theory }) => ({
        ...{ label: `${title}, ${cellName(levels)}`, group: title, value, theory },
      })),
    }],
  };
}
