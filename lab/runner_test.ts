import assert from "node:assert/strict";
import { requires } from "../testing/requires.ts";
import { analyseExperiment } from "./analyse.ts";
import type { Experiment } from "./experiment.ts";
import { fake, run, withFolder } from "./fake_run.ts";
import { Progress } from "./progress.ts";
import { ResultStore } from "./result_store.ts";
import { repeatCommand } from "./runner.ts";

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

Deno.test("repeatCommand() narrows what the experiment has, and nothing of its neighbours", () => {
  const factor = (name: string) => ({ name, description: "", levels: ["a", "b"] });
  const run = { quick: false, trials: 3, seed: 7, handicapUs: 0 };
  const narrowing = { shape: ["a"], cpus: ["0.5"] };
  const command = (...factors: string[]) =>
    repeatCommand({ name: "one", factors: factors.map(factor) }, { ...run, narrowing });
  assert.equal(command("shape"), "deno task bench one --trials 3 --seed 7 --shape a");
  assert.equal(command("front"), "deno task bench one --trials 3 --seed 7");
});
