import assert from "node:assert/strict";
import { requires } from "../testing/requires.ts";
import { analyseExperiment } from "./analyse.ts";
import { atMost } from "./evidence.ts";
import type { Experiment, LabStack } from "./experiment.ts";
import { latencyMs } from "./measures_of_samples.ts";
import { Progress } from "./progress.ts";
import { ResultStore } from "./result_store.ts";
import { runExperiments, type RunOptions } from "./runner.ts";

/** A stack that is one server in this process. */
function fakeStacks() {
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

const quiet = () => new Progress(1, { sink: { terminal: false, write() {} } });

/** Probes for a moment; a trial of level "bad" calls itself invalid. */
const fake: Experiment = {
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

async function run(options: Partial<RunOptions> & { out: string }) {
  const stacks = fakeStacks();
  const finished = await runExperiments({
    ...{ experiments: [fake], quick: false, seed: 7, command: "bench fake", progress: quiet() },
    ...{ signal: new AbortController().signal, openStack: stacks.open },
    ...options,
  });
  return { ...finished, stacks };
}

async function withFolder(test: (out: string) => Promise<void>): Promise<void> {
  const out = await Deno.makeTempDir({ prefix: "runner-" });
  try {
    await test(out);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

Deno.test({
  name: "runExperiments() runs every trial, keeps every sample and leaves no stack",
  ...requires(),
  fn: () =>
    withFolder(async (out) => {
      const { directory, results: [result], run: record, stacks } = await run({ out });
      const store = new ResultStore(directory);
      const trials = await store.readTrials("fake");
      assert.equal(trials.length, 8);
      assert.equal(stacks.running(), 0);
      // One stack a shape and repetition.
      assert.ok(stacks.opened.length <= 4, `${stacks.opened.length} stacks`);
      assert.equal(record.status, "complete");
      assert.deepEqual(await store.readRun(), record);
      const [first] = trials;
      assert.equal(first?.observations.answer, 42);
      assert.equal(first?.events[0]?.kind, "note");
      const samples = await store.readSamples(first?.samples[0]?.path ?? "");
      assert.deepEqual(samples.map(({ instance }) => instance), ["fake-1", "fake-1", "fake-1"]);
      // Invalid trials are kept on disk and left out of results.
      assert.equal(result?.trials.used.length, 4);
      assert.equal(result?.trials.invalid.length, 4);
      assert.equal(result?.metrics[0]?.perTrial.length, 4);
      assert.equal(result?.status, "partial");
      assert.ok(result?.warnings.some(({ code }) => code === "bad-luck"));
    }),
});

Deno.test({
  name: "runExperiments() remembers the size of CPU work beside its runs, and says it in the run",
  ...requires(),
  fn: () =>
    withFolder(async (out) => {
      const working: Experiment = {
        ...fake,
        factors: [{ name: "shape", description: "", levels: ["one"] }],
        async run(trial) {
          await trial.cpuWork(2);
          await fake.run(trial);
        },
      };
      const { directory, run: record } = await run({ out, experiments: [working] });
      const trials = await new ResultStore(directory).readTrials("fake");
      const rounds = trials.map(({ observations }) => observations.rounds);
      assert.equal(rounds.length, 2);
      assert.deepEqual(rounds, [record.cpuRounds?.["2"], record.cpuRounds?.["2"]]);
      const { cpuModel, arch } = record.environment.host;
      const { roundsPerMs } = JSON.parse(await Deno.readTextFile(`${out}/cpu-speed.json`));
      const speed = roundsPerMs[`${cpuModel ?? arch}, Deno ${Deno.version.deno}`];
      assert.ok(Math.abs((rounds[0] ?? 0) / (2 * speed) - 1) < 0.13, `${rounds[0]}, ${speed}`);
    }),
});

Deno.test({
  name: "analyseExperiment() computes the same result again from the records alone",
  ...requires(),
  fn: () =>
    withFolder(async (out) => {
      const { directory, results: [result], run: record } = await run({ out });
      const store = new ResultStore(directory);
      await Deno.remove(`${directory}/fake/experiment.json`);
      const again = await analyseExperiment(store, fake, {
        run: record,
        commands: result?.commands ?? [],
      });
      assert.deepEqual(again, result);
    }),
});

Deno.test({
  name: "runExperiments() stops when told to and reports what is complete",
  ...requires(),
  fn: () =>
    withFolder(async (out) => {
      const stop = new AbortController();
      let trials = 0;
      const stopping: Experiment = {
        ...fake,
        run: async (trial) => {
          if (++trials === 4) stop.abort(new Error("interrupted"));
          await fake.run(trial);
        },
      };
      const { directory, results: [result], run: record, stacks } = await run({
        ...{ out, experiments: [stopping], signal: stop.signal },
      });
      assert.equal(record.status, "interrupted");
      assert.equal(stacks.running(), 0);
      assert.equal((await new ResultStore(directory).readTrials("fake")).length, 3);
      assert.equal(result?.status, "partial");
      assert.ok(result?.warnings.some(({ message }) => message === "3 of 8 trials were completed"));
    }),
});

Deno.test({
  name: "runExperiments() runs the same order again with the same seed",
  ...requires(),
  fn: () =>
    withFolder(async (out) => {
      const orderOf = async (seed: number) => {
        const folder = `${out}/${crypto.randomUUID()}`;
        const { directory } = await run({ out: folder, seed });
        const trials = await new ResultStore(directory).readTrials("fake");
        return trials.map(({ levels, repetition }) => [repetition, levels]);
      };
      const first = await orderOf(7);
      assert.deepEqual(await orderOf(7), first);
      assert.notDeepEqual(await orderOf(8), first);
    }),
});

Deno.test({
  name: "runExperiments() hands a handicap to every gateway and says so in the run",
  ...requires(),
  fn: () =>
    withFolder(async (out) => {
      const { run: record, results: [result], stacks } = await run({ out, handicapUs: 25 });
      assert.ok(stacks.opened.length > 0);
      for (const options of stacks.opened as { gatewayEnv: unknown }[]) {
        assert.deepEqual(options.gatewayEnv, { HANDICAP_US: "25" });
      }
      assert.ok(record.warnings.some(({ code }) => code === "handicap"));
      assert.match(result?.commands[0] ?? "", / --handicap 25$/);
    }),
});

Deno.test({
  name: "runExperiments() goes on after an experiment that throws, says so and leaves no stack",
  ...requires(),
  fn: () =>
    withFolder(async (out) => {
      const stacks = fakeStacks();
      const broken = {
        ...fake,
        name: "broken",
        run: () => Promise.reject(new Error("out of luck")),
      };
      const { run: record, results } = await run({
        ...{ out, experiments: [broken, fake], openStack: stacks.open },
      });
      assert.deepEqual(
        record.warnings.filter(({ code }) => code === "experiment-error").map((each) =>
          each.message
        ),
        ["broken ended early: 3 trials in a row failed, the last: out of luck"],
      );
      assert.deepEqual(results.map(({ status }) => status), ["skipped", "partial"]);
      assert.equal(results[0]?.trials.invalid.length, 3);
      assert.equal(stacks.running(), 0);
    }),
});

Deno.test({
  name: "runExperiments() ends a trial that throws with all its load, and goes on with the next",
  ...requires(),
  fn: () =>
    withFolder(async (out) => {
      const stacks = fakeStacks();
      let trials = 0;
      let running = 0;
      const unlucky: Experiment = {
        ...fake,
        factors: [{ name: "shape", description: "", levels: ["one"] }],
        trials: { full: 4, quick: 1 },
        run: async (trial) => {
          assert.equal(running, 0); // no probe of the trial before
          const load = { url: trial.stack.url, ratePerSecond: 50, maxLateMs: Infinity };
          if (++trials % 2 === 1) return await fake.run(trial);
          running++;
          const probe = await trial.probe("light", { ...load, durationSeconds: 60 });
          probe.result.finally(() => running--);
          throw new Error("out of luck");
        },
      };
      const { directory, run: record, results: [result] } = await run({
        ...{ out, experiments: [unlucky], openStack: stacks.open },
      });
      const records = await new ResultStore(directory).readTrials("fake");
      assert.deepEqual(records.map(({ valid }) => valid), [true, false, true, false]);
      assert.deepEqual(
        records[1]?.warnings.filter(({ code }) => code === "trial-error")
          .map(({ message }) => message),
        ["The trial ended with an error: out of luck"],
      );
      assert.ok(records.every(({ durationMs }) => durationMs < 30_000));
      // What the trial left behind is unknown: the next has a stack of its own.
      assert.equal(stacks.opened.length, 2);
      assert.equal(stacks.running(), 0);
      assert.deepEqual(record.warnings.filter(({ code }) => code === "experiment-error"), []);
      assert.deepEqual(result?.trials.used, ["001", "003"]);
    }),
});

Deno.test({
  name:
    "runExperiments() begins no repetition that it has no time for, but gives each experiment one",
  ...requires(),
  fn: () =>
    withFolder(async (out) => {
      const other = { ...fake, name: "other" };
      const { directory, results } = await run({
        ...{ out, experiments: [fake, other], budgetSeconds: 0.001 },
      });
      const store = new ResultStore(directory);
      assert.equal((await store.readTrials("fake")).length, 4);
      assert.equal((await store.readTrials("other")).length, 4);
      const said = results[1]?.warnings.map(({ message }) => message);
      assert.ok(said?.includes("4 of 8 trials were completed"));
    }),
});

Deno.test({
  name: "runExperiments() says what a quick run left out, in its record and at the end",
  ...requires(),
  fn: () =>
    withFolder(async (out) => {
      let said = "";
      const progress = new Progress(1, {
        sink: { terminal: false, write: (text) => void (said += text) },
      });
      const { directory } = await run({ out, quick: true, progress });
      const { warnings } = await new ResultStore(directory).readRun();
      const messages = warnings.filter(({ code }) => code === "quick").map((each) => each.message);
      assert.equal(messages.length, 2);
      // Trials of bad luck are invalid.
      assert.equal(messages[1], "fake: without luck bad; 2 of 4 cells; 1 of 2 trials a cell");
      assert.ok(said.endsWith(`${messages.join("\n  ")}\n`), said);
    }),
});

Deno.test({
  name: "runExperiments() counts apart the failures that percentiles leave out",
  ...requires(),
  fn: () =>
    withFolder(async (out) => {
      const failing: Experiment = {
        ...fake,
        run: async (trial) => {
          const { url } = trial.stack;
          const targets = [{ url }, { url: "http://127.0.0.1:1/" }]; // nobody listens there
          const load = { targets, ratePerSecond: 50, count: 4, maxLateMs: Infinity };
          await (await trial.probe("light", load)).result;
        },
      };
      const { results: [result] } = await run({ out, experiments: [failing] });
      assert.ok(
        result?.warnings.some(({ code, message }) =>
          code === "failures" &&
          message ===
            '16 of 32 requests of "light" failed (refused: 16); 16 had no answer and are in no percentile'
        ),
        JSON.stringify(result?.warnings),
      );
    }),
});

Deno.test({
  name: "runExperiments() keeps trials whose load generator was the bottleneck out of the results",
  ...requires(),
  fn: () =>
    withFolder(async (out) => {
      const late: Experiment = {
        ...fake,
        run: async (trial) => {
          const load = { url: trial.stack.url, ratePerSecond: 50, count: 3 };
          // No send is that punctual.
          await (await trial.probe("light", { ...load, maxLateMs: -1_000 })).result;
        },
      };
      const { directory, results: [result] } = await run({ out, experiments: [late] });
      const trials = await new ResultStore(directory).readTrials("fake");
      assert.ok(trials.every(({ valid }) => !valid));
      assert.equal(result?.status, "skipped");
      assert.deepEqual(result?.metrics, []);
      assert.ok(
        result?.warnings.every(({ code, severity }) =>
          code === "generator-bottleneck" && severity === "invalid"
        ),
      );
    }),
});
