import assert from "node:assert/strict";
import { requires } from "../../testing/requires.ts";
import { Evidence, TrialEvidence } from "../evidence.ts";
import { Progress } from "../progress.ts";
import { ResultStore } from "../result_store.ts";
import { runExperiments } from "../runner.ts";
import type { Sample } from "../load/sample.ts";
import type { Trial } from "../results.ts";
import { state } from "./state.ts";

/** A trial of a system that does what theory says, less `lost` of 1,000 increments. */
function trialOf(store: string, replicas: number, repetition: number, lost = 0): TrialEvidence {
  const known = store === "redis" ? 1 : replicas;
  const counts = Array.from({ length: 60 }, (_, i) => 1 + Math.floor(i / known));
  const record = {
    ...{ experiment: "state", id: `${store}${replicas}-${repetition}`, repetition },
    levels: { store, replicas },
    observations: { answered: 1_000, grown: Math.round(1_000 / known) - lost },
    data: { counts, sessions: counts.map((_, i) => i % known === 0 ? 200 : 401) },
  } as unknown as Trial;
  const latencyMs = (store === "redis" ? 2 : 1) + repetition / 100;
  const samples = [{ latencyMs, status: 200, error: null } as Sample];
  return new TrialEvidence(record, new Map([["shared-count", samples]]));
}

function evidenceOf({ lost = 0 } = {}): Evidence {
  return new Evidence(
    [1, 2, 3].flatMap((repetition) => [
      trialOf("memory", 1, repetition),
      trialOf("memory", 3, repetition),
      trialOf("redis", 1, repetition),
      trialOf("redis", 3, repetition, repetition === 2 ? lost : 0),
    ]),
  );
}

Deno.test("state holds its claims on systems that obey theory, and says what Redis bought", () => {
  const { verdicts, headline } = state.analyse(evidenceOf());
  assert.deepEqual(verdicts.map(({ outcome }) => outcome), ["held", "held", "held"]);
  const [counts, sessions, price] = headline.map(({ ratio }) => ratio.estimate);
  assert.ok(Math.abs((counts ?? 0) - 3) < 1e-9 && Math.abs((sessions ?? 0) - 3) < 1e-9);
  assert.ok((price ?? 1) < 0.55, "Redis is the slower one");
});

Deno.test("state refutes that Redis is right for one lost update of one trial", () => {
  const [right] = state.analyse(evidenceOf({ lost: 1 })).verdicts;
  assert.equal(right?.outcome, "failed");
  assert.match(right.sentence, /^redis, 3 replicas: Lost updates 0\.03/);
});

Deno.test({
  name: "state, on real systems, finds wrong counts and lost sessions in memory and none in Redis",
  ...requires("nginx", "redis-server"),
  fn: async () => {
    const out = await Deno.makeTempDir({ prefix: "state-test-" });
    try {
      const { directory } = await runExperiments({
        ...{ experiments: [state], quick: true, trials: 1, seed: 1, out, command: "test" },
        // Both levels: what one leaves behind in the replicas they share must not disturb the other.
        narrowing: { replicas: ["1", "3"] },
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
        metrics.find(({ levels, ...metric }) =>
          levels.store === store && levels.replicas === 3 && metric.name === name
        )?.value.estimate ?? NaN;
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
