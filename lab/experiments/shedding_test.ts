import assert from "node:assert/strict";
import { Evidence, TrialEvidence } from "../evidence.ts";
import type { Sample } from "../load/sample.ts";
import type { Trial } from "../results.ts";
import { shedding } from "./shedding.ts";

const CAPACITY = 400;
const OVERLOAD_MS = 6_000;
const SETTLE_MS = 2_000;

/**
 * What a fluid queue gives: without shedding it grows by half a second a second; with it, from 1 s on, every third
 * request (or another share) is refused and the others wait 10 ms.
 */
function trialOf(
  level: "on" | "off",
  repetition: number,
  { refusedEvery = 3, refusalMs = 8 }: { refusedEvery?: number; refusalMs?: number } = {},
): TrialEvidence {
  const samples = Array.from({ length: 1.5 * CAPACITY * 6 }, (_, i): Sample => {
    const sentMs = i * 1000 / (1.5 * CAPACITY);
    const works = level === "on" && sentMs >= 1_000;
    const refused = works && i % refusedEvery === 0;
    return {
      ...{ intendedMs: 700 + sentMs, lateMs: 0, error: null, instance: "gateway-1", target: 0 },
      ...{ reused: true, retries: 0, retryAfterS: refused ? 1 : null },
      status: refused ? 503 : 200,
      latencyMs: refused ? refusalMs : works ? 10 + repetition : 2 + sentMs / 2,
    };
  });
  const record = {
    ...{ experiment: "shedding", id: `${level}${repetition}`, repetition },
    levels: { shedding: level },
    observations: {
      ...{ overloadMs: OVERLOAD_MS, settleMs: SETTLE_MS, capacityPerSecond: CAPACITY },
    },
    ...{ data: {}, events: [], samples: [{ label: "overload", path: "x" }] },
  } as unknown as Trial;
  return new TrialEvidence(record, new Map([["overload", samples]]));
}

const evidenceOf = (on: { refusedEvery?: number; refusalMs?: number } = {}) =>
  new Evidence(
    [1, 2, 3].flatMap((repetition) => [
      trialOf("off", repetition),
      trialOf("on", repetition, on),
    ]),
  );

Deno.test("shedding holds its claims on queues that obey theory", () => {
  const { verdicts, metrics, headline } = shedding.analyse(evidenceOf());
  assert.deepEqual(verdicts.map(({ outcome }) => outcome), ["held", "held", "held", "held"]);
  for (const { name, levels, value, theory } of metrics) {
    if (theory === null) continue;
    const off = Math.abs(value.estimate - theory);
    assert.ok(off <= 0.01 * Math.max(1, theory), `${levels.shedding} ${name}: ${value.estimate}`);
  }
  // In time without it: what is sent in the first half second, before 250 ms of queue stand.
  const [goodput] = headline;
  assert.match(goodput?.from ?? "", /^49\.7\/s/);
  assert.ok((goodput?.ratio.low ?? 0) > 5);
});

Deno.test("shedding refutes a shedder that refuses everything, or takes its time to refuse", () => {
  const outcomes = (on: { refusedEvery?: number; refusalMs?: number }) =>
    shedding.analyse(evidenceOf(on)).verdicts.map(({ outcome }) => outcome);
  assert.deepEqual(outcomes({ refusedEvery: 1 }), ["failed", "held", "failed", "held"]);
  assert.deepEqual(outcomes({ refusalMs: 101 }), ["held", "held", "held", "failed"]);
});

Deno.test("shedding says nothing of refusals when there were none", () => {
  const { verdicts, metrics } = shedding.analyse(evidenceOf({ refusedEvery: 1e9 }));
  assert.equal(verdicts[3]?.outcome, "inconclusive");
  assert.ok(metrics.every(({ perTrial }) => perTrial.every(({ value }) => !Number.isNaN(value))));
});
