import assert from "node:assert/strict";
import { requires } from "../testing/requires.ts";
import { analyseExperiment } from "./analyse.ts";
import type { Experiment } from "./experiment.ts";
import { TOOL_ABSENT } from "./needed_tools.ts";
import { run } from "./report/testdata.ts";
import { ResultStore } from "./result_store.ts";
import { RESULTS_VERSION, type Trial, type Warning } from "./results.ts";

const experiment: Experiment = {
  ...{ name: "fake", title: "", question: "", theory: "", method: "", factors: [] },
  hypotheses: [{ id: "x", text: "" }],
  trials: { full: 1, quick: 1 },
  stack: () => null,
  secondsPerTrial: () => 1,
  run: () => Promise.resolve(),
  analyse: () => ({ answer: "", verdicts: [], headline: [], metrics: [], charts: [] }),
};
const trial = (id: string, cpuCores: number): Trial => ({
  ...{ version: RESULTS_VERSION, experiment: "fake", id, levels: {}, repetition: 1 },
  ...{ startedAtEpochMs: 0, durationMs: 1, loadAverage1: null, stealShare: null },
  ...{ samples: [], events: [], observations: {}, data: {}, warnings: [], valid: true },
  oha: [{
    ...{ label: "load", args: [], requests: 1, output: {} },
    generator: { tool: "oha", cpuCores, lateP99Ms: null, lateMaxMs: null, bottleneck: false },
  }],
});

Deno.test({
  name: "analyseExperiment() says when oha took more than half of the cores, once",
  ...requires(),
  fn: async () => {
    const out = await Deno.makeTempDir({ prefix: "analyse-" });
    try {
      const store = new ResultStore(out);
      await store.writeTrial(trial("001", 0.3));
      await store.writeTrial(trial("002", 1.2));
      await store.writeTrial(trial("003", 1.1));
      const { warnings } = await analyseExperiment(store, experiment, { run, commands: [] });
      assert.deepEqual(
        warnings.filter(({ code }) => code === "generator-share").map(({ message }) => message),
        [
          "oha took up to 1.2 of 2 cores (more than half in 2 of 3 trials): rates are of the machine with its load generator",
        ],
      );
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  },
});

Deno.test({
  name:
    "analyseExperiment() says which absent tool left no trial, and not that of another experiment",
  ...requires(),
  fn: async () => {
    const out = await Deno.makeTempDir({ prefix: "analyse-" });
    try {
      const absent = (name: string) => {
        // The message is for people: another experiment's may begin with our name.
        const message = `fake: 2 of 2 cells were left out, ${name} is absent`;
        return { code: TOOL_ABSENT, message, severity: "caution" as const, experiment: name };
      };
      const answerOf = async (warnings: Warning[]) => {
        const options = { run: { ...run, warnings }, commands: [] };
        return (await analyseExperiment(new ResultStore(out), experiment, options)).answer;
      };
      assert.equal(
        await answerOf([absent("other"), absent("fake")]),
        "Not run, fake: 2 of 2 cells were left out, fake is absent.",
      );
      assert.equal(await answerOf([absent("other")]), "No valid trial was completed.");
      // What is left is not the whole.
      await new ResultStore(out).writeTrial(trial("001", 0.1));
      assert.match(
        await answerOf([absent("fake")]),
        / fake: 2 of 2 cells were left out, fake is absent\.$/,
      );
      assert.equal(await answerOf([absent("other")]), "");
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  },
});
