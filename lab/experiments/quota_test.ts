import assert from "node:assert/strict";
import { cellsOf, chooseLevels } from "../design.ts";
import { Evidence, TrialEvidence } from "../evidence.ts";
import type { Levels, Trial } from "../results.ts";
import { quota } from "./quota.ts";

/** Trials with 1, 3 and 5 replicas that do 40 requests/s each, less 2 % a replica beyond the first. */
function evidenceOf(common: Levels, observations: Record<string, number> = {}): Evidence {
  return new Evidence(
    [1, 2, 3, 4, 5].flatMap((repetition) =>
      [1, 3, 5].map((replicas) => {
        const goodputPerSecond = 40 * replicas * (1 - 0.02 * (replicas - 1)) *
          (1 + repetition / 500);
        const record = {
          ...{ experiment: "quota", id: `${replicas}-${repetition}`, repetition },
          levels: { ...common, replicas },
          observations: {
            ...{ goodputPerSecond, periods: 40 * replicas, throttledPeriods: 39 * replicas },
            ...observations,
          },
        } as unknown as Trial;
        return new TrialEvidence(record, new Map());
      })
    ),
  );
}

Deno.test("quota judges speed-ups of the quota that the claims are made of", () => {
  const { verdicts, headline, metrics } = quota.analyse(evidenceOf({ cpus: 0.2 }));
  assert.deepEqual(verdicts.map(({ hypothesis, outcome }) => [hypothesis, outcome]), [
    ["speed-up-3", "held"],
    ["speed-up-5", "held"],
  ]);
  assert.deepEqual(headline.map(({ ratio }) => ratio.estimate.toFixed(2)), ["2.88", "4.60"]);
  assert.match(headline[0]?.lever ?? "", /^3 containers of 0.2 cores/);
  assert.match(headline[0]?.measure ?? "", /5 ms of CPU time/);
  // Runs with another quota have other measures.
  assert.ok(metrics.every(({ levels }) => levels.cpus === 0.2));
});

Deno.test("quota claims nothing of another quota, and measures it all the same", () => {
  const { verdicts, headline } = quota.analyse(evidenceOf({ cpus: 0.5 }));
  assert.deepEqual(verdicts.map(({ outcome }) => outcome), ["inconclusive", "inconclusive"]);
  assert.deepEqual(headline.map(({ outcome }) => outcome), ["inconclusive", "inconclusive"]);
  assert.match(headline[1]?.lever ?? "", /^5 containers of 0.5 cores/);
});

Deno.test("quota says what the same replicas got done, where that was measured", () => {
  const fixedWork = { fixedWorkPerSecond: 30, fixedWorkGood: 60, fixedWorkCpuMs: 300 };
  const measured = quota.analyse(evidenceOf({ cpus: 0.2 }, fixedWork));
  assert.match(measured.answer, /Work of a fixed size: .* with 3, .* with 5\.$/);
  const old = quota.analyse(evidenceOf({}));
  assert.equal(old.answer.includes("fixed size"), false);
  assert.deepEqual(old.verdicts.map(({ outcome }) => outcome), ["held", "held"]);
  const capacity = old.metrics.filter(({ name }) => name === "capacity");
  assert.deepEqual(
    capacity.map(({ levels }) => levels),
    [1, 3, 5].map((replicas) => ({ replicas })),
  );
});

Deno.test("quota runs 0.2 cores unless another quota is named", () => {
  const cpusOf = (narrowing: Record<string, string[]>) => {
    const factors = chooseLevels(quota.factors, { quick: false, narrowing });
    return [...new Set(cellsOf(factors, quota.includes).map(({ cpus }) => cpus))];
  };
  assert.deepEqual(cpusOf({}), [0.2]);
  assert.deepEqual(cpusOf({ replicas: ["1", "3"] }), [0.2]);
  assert.deepEqual(cpusOf({ cpus: ["0.5"] }), [0.5]);
});
