/**
 * Runs without a system, for tests of the runner: every stack is one server in the test's process.
 *
 * @module
 */
import { atMost } from "./evidence.ts";
import type { Experiment, LabStack } from "./experiment.ts";
import { latencyMs } from "./measures_of_samples.ts";
import { Progress } from "./progress.ts";
import { type FinishedRun, runExperiments, type RunOptions } from "./runner.ts";
import type { OpenStack } from "./stack_holder.ts";

/** What {@linkcode fakeStacks} makes. */
export interface FakeStacks {
  open: OpenStack;
  /** The options of each stack that was asked for. */
  opened: unknown[];
  /** How many are up. */
  running(): number;
}

/** Stacks that are one server in this process each. */
export function fakeStacks(): FakeStacks {
  const opened: unknown[] = [];
  let running = 0;
  const open = (options: unknown): Promise<LabStack> => {
    opened.push(options);
    running++;
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response("ok", { headers: { "x-instance-id": "fake-1" } }),
    );
    return Promise.resolve(
      {
        url: `http://127.0.0.1:${server.addr.port}`,
        status: () => Promise.resolve({ instances: [] }),
        down: async () => {
          running--;
          await server.shutdown();
        },
      } as unknown as LabStack,
    );
  };
  return { open, opened, running: () => running };
}

/** Progress that says nothing. */
const quiet = () => new Progress(1, { sink: { terminal: false, write() {} } });

/** Probes for a moment; a trial of level "bad" calls itself invalid. */
export const fake: Experiment = {
  name: "fake",
  title: "Fake",
  question: "Does the runner run?",
  hypotheses: [{ id: "fast", text: "p50 is at most 1 s" }],
  theory: "",
  factors: [
    { name: "shape", description: "", levels: ["one", "two"] },
    { name: "luck", description: "", levels: ["good", "bad"] },
  ],
  method: "",
  trials: { full: 2, quick: 1 },
  stack: ({ shape }) => ({ replicas: shape === "one" ? 1 : 2 }),
  secondsPerTrial: () => 0.1,
  async run(trial) {
    const probe = await trial.probe("light", {
      ...{ url: trial.stack.url, ratePerSecond: 50, count: 3 },
      maxLateMs: Infinity, // a busy machine is not what is tested
    });
    trial.event({ kind: "note", text: "probing" });
    trial.observe("answer", 42);
    if (trial.levels.luck === "bad") trial.warn("bad-luck", "It was bad", "invalid");
    await probe.result;
  },
  analyse: (evidence) => {
    const metric = evidence.metric(
      { name: "p50", title: "p50", unit: "ms", better: "lower" },
      {},
      (trial) => latencyMs(trial.samples("light"), 0.5),
    );
    return {
      answer: "Yes.",
      verdicts: [{ hypothesis: "fast", outcome: atMost(metric.value, 1_000), sentence: "It is." }],
      headline: [],
      metrics: [metric],
      charts: [],
    };
  },
};

/** Runs {@linkcode fake}, or others, on {@linkcode fakeStacks}. */
export async function run(
  options: Partial<RunOptions> & { out: string },
): Promise<FinishedRun & { stacks: FakeStacks }> {
  const stacks = fakeStacks();
  const finished = await runExperiments({
    ...{ experiments: [fake], quick: false, seed: 7, command: "bench fake", progress: quiet() },
    ...{ signal: new AbortController().signal, openStack: stacks.open },
    ...options,
  });
  return { ...finished, stacks };
}

/** A folder for runs that is gone afterwards. */
export async function withFolder(test: (out: string) => Promise<void>): Promise<void> {
  const out = await Deno.makeTempDir({ prefix: "runner-" });
  try {
    await test(out);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}
