/**
 * `hop`: what each hop between client and data costs, up to the whole path, and each layer of the gateway.
 *
 * @module
 */
import { LAYERS } from "../../kit/upstream.ts";
import type { FrontKind } from "../../lb/front.ts";
import { treeCpuUs } from "../environment.ts";
import { atMost, type Evidence, type TrialEvidence } from "../evidence.ts";
import type { Analysis, Experiment, TrialContext } from "../experiment.ts";
import { cellName } from "../findings.ts";
import { runOha } from "../load/oha.ts";
import { formatInterval } from "../report/format.ts";
import type { Levels, Metric } from "../results.ts";
import { addressesOf, setFront } from "./arrangements.ts";
import { goodAnswers, meterCpu } from "./process_costs.ts";
import { startBareProxy } from "./start_bare_proxy.ts";

const CLIENTS = 32;
/** What forwards is compiled before it is measured (docs/decisions.md, "hop warms up"); a quick run stops in the middle. */
function warmUpSeconds({ path }: Levels, quick: boolean): number {
  const forwards = /(gateway|proxy) > service/.test(String(path));
  return quick ? forwards ? 1.3 : 0.4 : forwards ? 4 : 1.5;
}
/** Single layers carry no claim, and their costs are small beside the noise: shorter (and fewer, see `sitsOut`). */
const seconds = ({ off }: Levels, quick: boolean) => quick ? 0.9 : off === "nothing" ? 2.5 : 1.5;

/** The ladder: what is asked, and who answers. */
const PATHS = [
  "front alone",
  "service",
  "bare proxy > service",
  "gateway alone",
  "gateway > service",
  "front > gateway > service",
] as const;

const FULL_PATH = "gateway > service";
const BARE_PATH = "bare proxy > service";

function switchedOff(what: string): Record<string, string> {
  if (what === "nothing") return {};
  if (what === "shedding") return { SHEDDING: "off" };
  if (what === "own client") return { HTTP_CLIENT: "fetch" };
  if (what === "everything") return { LAYERS_OFF: LAYERS.join(","), SHEDDING: "off" };
  return { LAYERS_OFF: what };
}

/** The experiment. */
export const hop: Experiment = {
  name: "hop",
  title: "What each hop costs",
  question: "Where does the time of a request go, and how far is it from the physical limit?",
  hypotheses: [{
    id: "near-bare",
    text:
      "The gateway with every layer on takes at most 1.2 times the CPU time of a bare fetch proxy on the same " +
      "runtime, side by side",
  }],
  theory:
    "A hop through fetch costs about 70 µs of CPU on this runtime, nginx 24 µs, a local JSON answer 13 µs " +
    "(measured before, with 32 connections); every path is at least the sum of its hops.",
  factors: [
    {
      name: "path",
      description: "who takes part",
      levels: PATHS,
      quick: PATHS.filter((path) => !path.endsWith("alone")),
    },
    { name: "front", description: "balancer", levels: ["nginx", "caddy"], quick: ["nginx"] },
    {
      name: "off",
      description: "layer of the gateway that is switched off",
      levels: ["nothing", ...LAYERS, "shedding", "own client", "everything"],
      quick: ["nothing"],
    },
  ],
  method:
    `${CLIENTS} closed-loop clients, kept alive; CPU time of each process over the load divided by the good answers. ` +
    "One of 100 users in one of 30 spellings, at random, so that equal requests hardly meet. The front alone answers a path outside /api " +
    "by itself, the gateway alone GET /api/count. What forwards to a service has had 4 s of this load before (1.3 s in a quick " +
    "run, which is not enough to compile everything). The bare proxy runs with V8's default heap, the gateway with the " +
    "settings of a replica. One replica of each service: hedging is on, and has nobody else to ask. The gateway asks services " +
    "by an HTTP client of its own; without that it is a fetch proxy, too.",
  trials: { full: 5, quick: 2 },
  // Fronts matter where there is one; layers matter to the gateway that forwards.
  includes: ({ path, front, off }) =>
    (front === "nginx" || String(path).startsWith("front")) &&
    (off === "nothing" || (path === FULL_PATH && front === "nginx")),
  // Of five repetitions the claim has all, the other rungs three, single layers two.
  sitsOut: ({ path, off }, repetition) => {
    const place = repetition % 5;
    if (off !== "nothing") return place >= 2;
    return path !== FULL_PATH && path !== BARE_PATH && place >= 3;
  },
  stack: ({ off }) => ({ replicas: 1, gatewayEnv: switchedOff(String(off)) }),
  arrange: (stack, { front }) =>
    setFront(stack, { kind: front as FrontKind, policy: "round-robin" }),
  secondsPerTrial: (levels, quick) => seconds(levels, quick) + warmUpSeconds(levels, quick) + 0.4,

  async run(trial) {
    const [service = ""] = await addressesOf(trial.stack, "users");
    const { items } = await (await fetch(`${service}/users?limit=100`)).json();
    // 32 clients and 100 addresses would meet all the time, and coalescing would spare the gateway its work.
    const paths: string[] = items.flatMap(({ id }: { id: string }) =>
      Array.from({ length: 30 }, (_, n) => `/users/${id}?n=${n}`)
    );
    if (trial.levels.path !== BARE_PATH) {
      return await measure(trial, await urlsOf(trial, paths));
    }
    await using proxy = await startBareProxy(service);
    await measure(trial, paths.map((path) => `${proxy.url}/api${path}`), proxy.pid);
  },

  analyse,
};

async function urlsOf(
  { levels, stack }: TrialContext,
  paths: readonly string[],
): Promise<string[]> {
  const [gateway] = await addressesOf(stack, "gateway");
  const [users] = await addressesOf(stack, "users");
  switch (levels.path as typeof PATHS[number]) {
    case "front alone":
      return [`${stack.url}/nothing-here`];
    case "service":
      return paths.map((path) => users + path);
    case "gateway alone":
      return [`${gateway}/api/count`];
    case "gateway > service":
      return paths.map((path) => `${gateway}/api${path}`);
    default:
      return paths.map((path) => `${stack.url}/api${path}`);
  }
}

async function measure(
  trial: TrialContext,
  urls: readonly string[],
  proxyPid?: number,
): Promise<void> {
  const { levels, quick, signal } = trial;
  const [url = ""] = urls;
  const asked = { url, urls, mode: "closed", connections: CLIENTS } as const;
  await runOha({ ...asked, durationSeconds: warmUpSeconds(levels, quick), signal });
  const cpu = await meterCpu(trial.stack);
  const proxyBefore = proxyPid === undefined ? 0 : treeCpuUs(proxyPid) ?? 0;
  const load = await trial.oha("load", { ...asked, durationSeconds: seconds(levels, quick) });
  const used = await cpu();
  if (!used) return trial.warn("no-cpu-time", "The platform does not say CPU times", "invalid");
  const proxyUs = proxyPid === undefined ? 0 : (treeCpuUs(proxyPid) ?? 0) - proxyBefore;
  const { totalSeconds, latencyMs } = load;
  // The front alone answers 404, by purpose.
  const answers = levels.path === "front alone" ? load.requests : goodAnswers(trial, load);
  for (const service of ["front", "gateway", "users", "redis"]) {
    trial.observe(`${service}CpuUs`, (used.get(service) ?? 0) / answers);
  }
  trial.observe("proxyCpuUs", proxyUs / answers);
  trial.observe("ratePerSecond", answers / totalSeconds);
  trial.observe("p50Ms", latencyMs.p50 ?? NaN);
}

/** CPU time of whatever stands where a gateway stands. */
const hopCpu = (trial: TrialEvidence) =>
  trial.number(trial.record.levels.path === BARE_PATH ? "proxyCpuUs" : "gatewayCpuUs");
const total = (trial: TrialEvidence) =>
  ["front", "gateway", "users", "redis", "proxy"]
    .reduce((sum, name) => sum + trial.number(`${name}CpuUs`), 0);

function analyse(evidence: Evidence): Analysis {
  const cells = evidence.cells().toSorted((a, b) => order(a) - order(b));
  const metrics = cells.flatMap((levels): Metric[] => [
    evidence.metric(
      { name: "total-cpu", title: "CPU of all processes", unit: "µs/request", better: "lower" },
      levels,
      total,
    ),
    // Without a gateway or proxy on the path there is nothing to see but its idling.
    ...(/gateway|proxy/.test(String(levels.path))
      ? [evidence.metric(
        { name: "hop-cpu", title: "CPU of gateway or proxy", unit: "µs/request", better: "lower" },
        levels,
        hopCpu,
      )]
      : []),
    evidence.metric(
      { name: "rate", title: "Rate", unit: "requests/s", better: "higher" },
      levels,
      (trial) => trial.number("ratePerSecond"),
    ),
    evidence.metric(
      { name: "p50", title: "p50 latency", unit: "ms", better: "lower" },
      levels,
      (trial) => trial.number("p50Ms"),
    ),
  ]);
  const ratio = evidence.ratio({
    numerator: { path: FULL_PATH, off: "nothing" },
    denominator: { path: BARE_PATH, off: "nothing" },
  }, hopCpu);
  const sentence = ratio
    ? `The gateway takes ${formatInterval(ratio, "ratio")} the CPU time of a bare fetch proxy.`
    : "Not measured in this run.";
  const shown = metrics.filter(({ name }) => name === "total-cpu");
  const rates = metrics.filter(({ name }) => name === "rate");
  return {
    answer: sentence,
    verdicts: [{ hypothesis: "near-bare", outcome: atMost(ratio, 1.2), sentence }],
    headline: [],
    metrics,
    charts: [
      barsOf("cpu", "CPU time a request, all processes", "µs/request", shown),
      barsOf("rate", "Rate with 32 closed-loop clients", "requests/s", rates),
    ],
  };
}

function order({ path, off }: Levels): number {
  return PATHS.indexOf(path as typeof PATHS[number]) + (off === "nothing" ? 0 : 100);
}

function barsOf(
  id: string,
  title: string,
  unit: "µs/request" | "requests/s",
  metrics: readonly Metric[],
): Analysis["charts"][number] {
  const label = ({ path, front, off }: Levels) =>
    [
      path,
      ...(String(path).startsWith("front") ? [front] : []),
      ...(off === "nothing" ? [] : [`without ${off}`]),
    ].join(", ");
  return {
    ...{ kind: "bars", id, title },
    alternative: metrics.map(({ levels, value }) =>
      `${cellName(levels)} ${formatInterval(value, unit)}`
    ).join("; "),
    axis: { label: title, unit },
    scale: "linear",
    rows: metrics.map(({ levels, value }) => ({ label: label(levels), value, theory: null })),
  };
}
