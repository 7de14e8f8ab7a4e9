import assert from "node:assert/strict";
import { requires } from "../../testing/requires.ts";
import { Evidence, TrialEvidence } from "../evidence.ts";
import { Progress } from "../progress.ts";
import { ResultStore } from "../result_store.ts";
import { runExperiments } from "../runner.ts";
import { state } from "./state.ts";

Deno.test({
  name: "state, on real systems, finds wrong counts and lost sessions in memory and none in Redis",
  ...requires("nginx", "redis-server"),
  fn: async () => {
    const out = await Deno.makeTempDir({ prefix: "state-test-" });
    try {
      const { directory } = await runExperiments({
        ...{ experiments: [state], quick: true, trials: 1, seed: 1, out, command: "test" },
        narrowing: { replicas: ["3"] },
        signal: new AbortController().signal,
        progress: new Progress(1, { sink: { terminal: false, write() {} } }),
      });
      // Also trials that a busy machine made invalid: what clients were told does not depend on time.
      const store = new ResultStore(directory);
      const trials = await Promise.all((await store.readTrials("state")).map(async (record) => {
        const samples = await store.readSamples(record.samples[0]?.path ?? "");
        return new TrialEvidence(record, new Map([["shared-count", samples]]));
      }));
      const { metrics } = state.analyse(new Evidence(trials));
      const value = (store: string, name: string) =>
        metrics.find((metric) => metric.levels.store === store && metric.name === name)
          ?.value.estimate ?? NaN;
      for (const name of ["wrong-counts", "lost-sessions", "lost-updates"]) {
        assert.equal(value("redis", name), 0, `redis ${name}`);
        const share = value("memory", name);
        assert.ok(Math.abs(share - 2 / 3) < 0.07, `memory ${name}: ${share}`);
      }
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  },
});
