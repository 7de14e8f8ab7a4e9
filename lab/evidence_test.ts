import assert from "node:assert/strict";
import { allOf, atLeast, atMost, Evidence, TrialEvidence, within } from "./evidence.ts";
import type { Interval, Levels, Trial } from "./results.ts";

function trial(
  levels: Levels,
  repetition: number,
  value: number,
  requests?: number,
): TrialEvidence {
  const record = {
    experiment: "fake",
    id: `${repetition}${value}`,
    levels,
    repetition,
    observations: { value },
    samples: requests === undefined ? [] : [{ label: "light", path: "", count: requests }],
  } as unknown as Trial;
  return new TrialEvidence(record, new Map());
}
const value = (each: TrialEvidence) => each.number("value");
const interval = (low: number | null, high: number | null): Interval => ({
  ...{ estimate: 1, low, high, level: 0.95, n: 5, method: "" },
});

Deno.test("Evidence.ratio() pairs trials of one repetition that differ in nothing else", () => {
  const evidence = new Evidence([
    trial({ mode: "inline", front: "nginx" }, 1, 100),
    trial({ mode: "inline", front: "caddy" }, 1, 900),
    trial({ mode: "offload", front: "caddy" }, 1, 9),
    trial({ mode: "offload", front: "nginx" }, 1, 1),
    trial({ mode: "inline", front: "nginx" }, 2, 200),
    trial({ mode: "offload", front: "nginx" }, 2, 2),
    trial({ mode: "inline", front: "nginx" }, 3, 1e9), // no partner
  ]);
  const ratio = evidence.ratio({
    numerator: { mode: "inline" },
    denominator: { mode: "offload" },
  }, value);
  assert.equal(ratio?.n, 3);
  assert.ok(Math.abs(ratio.estimate - 100) < 1e-9);
});

Deno.test("Evidence.ratio() is null without pairs and for values that have no ratio", () => {
  const one = trial({ mode: "inline" }, 1, 0);
  const other = trial({ mode: "offload" }, 1, 5);
  const sides = { numerator: { mode: "inline" }, denominator: { mode: "offload" } };
  assert.equal(new Evidence([one]).ratio(sides, value), null);
  assert.equal(new Evidence([one, other]).ratio(sides, value), null);
});

Deno.test("Evidence.ratio() takes half a request for a share of none, and says so", () => {
  const policy = (name: string, repetition: number, share: number) =>
    trial({ policy: name }, repetition, share, 1_000);
  const sides = {
    numerator: { policy: "round-robin" },
    denominator: { policy: "least-conn" },
  };
  const perfect = new Evidence([
    ...[policy("round-robin", 1, 0.1), policy("round-robin", 2, 0.1)],
    ...[policy("least-conn", 1, 0), policy("least-conn", 2, 0)],
  ]);
  const ratio = perfect.ratio(sides, value);
  assert.ok(Math.abs((ratio?.estimate ?? 0) - 0.1005 / 0.0005) < 1e-9);
  assert.match(ratio?.note ?? "", /^2 of 4 trials had no such request; half a one was added$/);
  // Known better: one in ten of the requests was of the kind that counts.
  const coarse = perfect.ratio(sides, value, { step: () => 0.01 });
  assert.ok(Math.abs((coarse?.estimate ?? 0) - 0.105 / 0.005) < 1e-9);
  const usual = new Evidence([policy("round-robin", 1, 0.1), policy("least-conn", 1, 0.05)]);
  assert.equal(usual.ratio(sides, value)?.note, undefined);
  assert.ok(Math.abs((usual.ratio(sides, value)?.estimate ?? 0) - 2) < 1e-9);
});

Deno.test("Evidence.ratio() is null for a zero that is no share, and for what is no number", () => {
  const sides = { numerator: { n: 2 }, denominator: { n: 1 } };
  const rates = [trial({ n: 1 }, 1, 0, 100), trial({ n: 2 }, 1, 80, 100)];
  assert.equal(new Evidence(rates).ratio(sides, value), null);
  const unanswered = [trial({ n: 1 }, 1, NaN, 100), trial({ n: 2 }, 1, 0.5, 100)];
  assert.equal(new Evidence(unanswered).ratio(sides, value), null);
});

Deno.test("Evidence.metric() keeps what each trial gave", () => {
  const evidence = new Evidence([
    trial({ n: 1 }, 1, 4),
    trial({ n: 1 }, 2, 6),
    trial({ n: 3 }, 1, 9),
  ]);
  const spec = { name: "value", title: "", unit: "ms", better: "lower" } as const;
  const metric = evidence.metric(spec, { n: 1 }, value);
  assert.deepEqual(metric.perTrial.map((each) => each.value), [4, 6]);
  assert.equal(metric.value.estimate, 5);
  assert.equal(metric.theory, null);
  assert.deepEqual(evidence.levels("n"), [1, 3]);
});

Deno.test("Evidence.metric() leaves out trials that give no number", () => {
  const evidence = new Evidence([trial({ n: 1 }, 1, NaN), trial({ n: 1 }, 2, 6)]);
  const spec = { name: "value", title: "", unit: "ms", better: "lower" } as const;
  assert.deepEqual(evidence.metric(spec, { n: 1 }, value).perTrial.map((each) => each.value), [6]);
});

Deno.test("TrialEvidence says which trial lacks what", () => {
  const [one] = [trial({ n: 1 }, 1, 4)];
  assert.throws(() => one?.number("nope"), /Cannot analyse fake: trial 14 must have .* "nope"/);
  assert.throws(() => one?.samples("nope"), RangeError);
});

const JUDGED: readonly [low: number | null, high: number | null, least: string, most: string][] = [
  [5.1, 6, "held", "failed"],
  [5, 6, "held", "inconclusive"],
  [3, 4, "failed", "held"],
  [4, 6, "inconclusive", "inconclusive"], // straddles 5
  [5, 5, "held", "held"],
  [null, null, "inconclusive", "inconclusive"], // a single trial proves nothing
];
for (const [low, high, least, most] of JUDGED) {
  Deno.test(`atLeast() and atMost() judge [${low}, ${high}] against 5`, () => {
    assert.equal(atLeast(interval(low, high), 5), least);
    assert.equal(atMost(interval(low, high), 5), most);
  });
}

Deno.test("within() holds inside the tolerance, fails outside, and else does not say", () => {
  assert.equal(within(interval(95, 105), 100, 0.1), "held");
  assert.equal(within(interval(111, 120), 100, 0.1), "failed");
  assert.equal(within(interval(85, 105), 100, 0.1), "inconclusive");
  assert.equal(within(null, 100, 0.1), "inconclusive");
});

Deno.test("allOf() fails with one failure, holds when all hold, and says nothing of nothing", () => {
  assert.equal(allOf(["held", "failed", "inconclusive"]), "failed");
  assert.equal(allOf(["held", "held"]), "held");
  assert.equal(allOf(["held", "inconclusive"]), "inconclusive");
  assert.equal(allOf([]), "inconclusive");
});
