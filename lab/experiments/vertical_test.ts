import assert from "node:assert/strict";
import { Evidence, TrialEvidence } from "../evidence.ts";
import type { Trial } from "../results.ts";
import { vertical } from "./vertical.ts";

/** Trials of all shapes with what each did a second. */
function evidenceOf(goodput: Record<string, number>): Evidence {
  return new Evidence(
    [1, 2, 3, 4, 5].flatMap((repetition) =>
      Object.entries(goodput).map(([shape, goodputPerSecond]) => {
        const record = {
          ...{ experiment: "vertical", id: `${shape}${repetition}`, repetition },
          levels: { shape },
          observations: {
            goodputPerSecond: goodputPerSecond * (1 + repetition / 100),
            ...{ p99Ms: 9, workMs: 4, rounds: 1e6 },
          },
        } as unknown as Trial;
        return new TrialEvidence(record, new Map());
      })
    ),
  );
}

Deno.test("vertical holds workers against replicas, and both against one process", () => {
  const { verdicts, headline, metrics } = vertical.analyse(
    evidenceOf({ "1 process": 200, "2 workers": 320, "2 replicas": 380 }),
  );
  assert.deepEqual(verdicts.map(({ hypothesis, outcome }) => [hypothesis, outcome]), [
    ["replicas-scale", "held"],
    ["workers-scale", "held"],
    ["workers-keep-up", "failed"],
  ]);
  assert.deepEqual(headline.map(({ ratio }) => ratio.estimate.toFixed(2)), [
    "1.90",
    "1.60",
    "0.84",
  ]);
  const capacity = metrics.filter(({ name }) => name === "capacity");
  assert.deepEqual(capacity.map(({ theory }) => theory), [250, 500, 500]);
});
