import assert from "node:assert/strict";
import { requires } from "../testing/requires.ts";
import type { Experiment } from "./experiment.ts";
import { fake, fakeStacks, run, withFolder } from "./fake_run.ts";
import { ResultStore } from "./result_store.ts";

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
