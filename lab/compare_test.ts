import assert from "node:assert/strict";
import { compareRuns, comparisonLines, workDifference } from "./compare.ts";
import type { ExperimentResult, Metric, Run } from "./results.ts";
import { meanInterval } from "./stats/interval.ts";
import { createRandom, type Random } from "./stats/random.ts";

/** A run of 20 experiments' worth of measures: 100 latencies with a noise of 5 % between trials. */
function runOf(random: Random, factorOf: (measure: number) => number): ExperimentResult[] {
  const noise = () => 1 + 0.1 * (random() + random() + random() - 1.5);
  const metrics = Array.from({ length: 100 }, (_, i): Metric => {
    const perTrial = Array.from({ length: 6 }, (_, trial) => ({
      trial: String(trial),
      value: (i + 1) * factorOf(i) * noise(),
    }));
    return {
      ...{ name: `p99-${i}`, title: "p99", unit: "ms", levels: { replicas: 3 }, theory: null },
      ...{ better: "lower", perTrial, value: meanInterval(perTrial.map(({ value }) => value)) },
    };
  });
  return [{ declaration: { name: "fake" }, metrics } as ExperimentResult];
}

Deno.test("compareRuns() finds nothing between runs of the same, in 20 repetitions", () => {
  const random = createRandom(41);
  const same = () => 1;
  for (let i = 0; i < 20; i++) {
    const { measures } = compareRuns(runOf(random, same), runOf(random, same));
    const changed = measures.filter(({ verdict }) => verdict !== "same").length;
    assert.equal(measures.length, 100);
    assert.ok(changed <= 5, `${changed} false findings`);
  }
});

Deno.test("compareRuns() flags the one measure that got 20 % slower, and nothing else", () => {
  const random = createRandom(43);
  const { measures } = compareRuns(
    runOf(random, () => 1),
    runOf(random, (measure) => measure === 17 ? 1.2 : 1),
  );
  const changed = measures.filter(({ verdict }) => verdict !== "same");
  assert.deepEqual(changed.map(({ name, verdict }) => [name, verdict]), [["p99-17", "worse"]]);
});

Deno.test("compareRuns() pairs measures whatever the order of their levels, and counts what has no partner", () => {
  const [a] = runOf(createRandom(1), () => 1);
  const [b] = runOf(createRandom(2), () => 1);
  assert.ok(a && b);
  const [first, second] = [a.metrics[0], b.metrics[0]];
  assert.ok(first && second);
  first.levels = { replicas: 3, front: "nginx" };
  second.levels = { front: "nginx", replicas: 3 };
  a.metrics = a.metrics.slice(0, 10);
  const comparison = compareRuns([a], [b]);
  assert.equal(comparison.measures.length, 10);
  assert.equal(comparison.left, 90);
});

Deno.test("compareRuns() compares counts that are zero, and says nothing of a single trial", () => {
  const [a] = runOf(createRandom(1), () => 1);
  const [b] = runOf(createRandom(2), () => 1);
  assert.ok(a?.metrics[0] && b?.metrics[0] && b.metrics[1]);
  a.metrics[0].perTrial.forEach((each) => each.value = 0);
  b.metrics[0].perTrial.forEach((each, i) => each.value = 10 + i);
  b.metrics[1].perTrial = b.metrics[1].perTrial.slice(0, 1);
  const { measures, left } = compareRuns([a], [b]);
  assert.equal(measures.find(({ name }) => name === "p99-0")?.verdict, "worse");
  assert.equal(left, 1);
});

/** A run of measures of one kind, each with the values that a trial draws. */
function measuresOf(
  draws: readonly (() => number)[],
  { unit, trials }: { unit: Metric["unit"]; trials: number },
): ExperimentResult[] {
  const metrics = draws.map((draw, i): Metric => {
    const perTrial = Array.from({ length: trials }, (_, t) => ({ trial: `${t}`, value: draw() }));
    return {
      ...{ name: `m-${i}`, title: "Measure", unit, levels: {}, theory: null, better: "lower" },
      ...{ perTrial, value: meanInterval(perTrial.map(({ value }) => value)) },
    };
  });
  return [{ declaration: { name: "fake" }, metrics } as ExperimentResult];
}

function changedIn(a: readonly ExperimentResult[], b: readonly ExperimentResult[]): string[] {
  return compareRuns(a, b).measures.filter(({ verdict }) => verdict !== "same")
    .map(({ name }) => name);
}

/** At most 5 % of measures may change between runs of the same, in every one of 8 comparisons. */
function quietWhen(makeDraws: (random: Random) => (() => number)[], unit: Metric["unit"]): void {
  const random = createRandom(47);
  for (const trials of [3, 5, 8]) {
    for (let i = 0; i < 8; i++) {
      const [a, b] = [makeDraws(random), makeDraws(random)];
      const changed = changedIn(
        measuresOf(a, { unit, trials }),
        measuresOf(b, { unit, trials }),
      );
      assert.ok(changed.length <= a.length / 20, `${changed.length} with ${trials} trials`);
    }
  }
}

const normal = (random: Random) =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

Deno.test("compareRuns() bears a machine that is up to 5 % slower in one of the runs", () => {
  quietWhen((random) => {
    const drift = 1 + 0.05 * random();
    return Array.from(
      { length: 100 },
      (_, i) => () => (i + 1) * drift * Math.exp(0.03 * normal(random)),
    );
  }, "µs/request");
});

Deno.test("compareRuns() bears p99s of 300 requests each, of which one in a hundred is stalled", () => {
  quietWhen((random) =>
    Array.from({ length: 100 }, () => () => {
      const latencies = Array.from(
        { length: 300 },
        () => 3 + 2 * random() + (random() < 0.01 ? 200 * random() : 0),
      ).sort((x, y) => x - y);
      return latencies[296] ?? NaN;
    }), "ms");
});

/** Poisson, by the product of uniform numbers (D. Knuth). */
function poisson(random: Random, expected: number): number {
  let count = -1;
  for (let product = 1; product > Math.exp(-expected); product *= random()) count++;
  return count;
}

Deno.test("compareRuns() bears counts that are zero or not by chance", () => {
  for (const expected of [0.05, 0.5, 3]) {
    quietWhen(
      (random) => Array.from({ length: 100 }, () => () => poisson(random, expected)),
      "count",
    );
  }
});

/** The verdict on one measure between 99 that do not change. */
function verdictOf(
  a: readonly number[],
  b: readonly number[],
  unit: Metric["unit"],
): string | undefined {
  const run = (values: readonly number[]): ExperimentResult[] => {
    const left = [...values];
    const draws = [() => left.shift() ?? NaN, ...Array.from({ length: 99 }, (_, i) => () => i)];
    return measuresOf(draws, { unit, trials: values.length });
  };
  return compareRuns(run(a), run(b)).measures.find(({ name }) => name === "m-0")?.verdict;
}

const CASES: readonly [string, number[], number[], Metric["unit"], string | undefined][] = [
  // Three of 3,600 requests against none, without any scatter to judge by.
  ["one failure in each trial against none", [0, 0, 0], [1, 1, 1], "count", "same"],
  ["a burst of failures in one trial", [0, 0, 0], [0, 0, 40], "count", "same"],
  [
    "many failures in each trial against none",
    [0, 0, 0, 0, 0],
    [30, 25, 41, 28, 33],
    "count",
    "worse",
  ],
  [
    "a share that is there or not",
    [0, 0, 0, 0, 0],
    [0.002, 0.002, 0.002, 0.002, 0.002],
    "share",
    "same",
  ],
  [
    "a share that triples to 0.3 %",
    [1e-3, 1.1e-3, 0.9e-3],
    [3e-3, 3.1e-3, 2.9e-3],
    "share",
    "same",
  ],
  [
    "a share that goes from none to a tenth",
    [0, 0, 0, 0, 0],
    [0.1, 0.11, 0.1, 0.12, 0.1],
    "share",
    "worse",
  ],
  ["a fifth of a millisecond", [0.5, 0.5, 0.51], [0.7, 0.71, 0.7], "ms", "same"],
  ["20 % of CPU time", [100, 101, 99, 102, 98], [120, 121, 119, 122, 118], "µs/request", "worse"],
  ["20 % less", [120, 121, 119, 122, 118], [100, 101, 99, 102, 98], "µs/request", "better"],
  ["8 % of CPU time", [100, 101, 99, 102, 98], [108, 109, 107, 110, 106], "µs/request", "same"],
  ["a measure that a trial could not give", [1, NaN, 1], [2, 2, 2.1], "ms", undefined],
];
for (const [what, a, b, unit, expected] of CASES) {
  Deno.test(`compareRuns() says ${expected ?? "nothing"} to ${what}`, () => {
    assert.equal(verdictOf(a, b, unit), expected);
  });
}

Deno.test("comparisonLines() ends with the sum", () => {
  const random = createRandom(1);
  const lines = comparisonLines(
    compareRuns(runOf(random, () => 1), runOf(random, (measure) => measure === 3 ? 2 : 1)),
  );
  assert.match(lines[0] ?? "", /^worse +fake \(3\) p99: .* -> .*, (1\.9|2\.)/);
  assert.match(lines.at(-1) ?? "", /^1 of 100 measures changed beyond noise \(99\.0 % the same\)/);
});

Deno.test("workDifference() says which CPU work differs, and nothing where it is the same or unknown", () => {
  const run = (cpuRounds?: Record<string, number>) => ({ cpuRounds }) as Run;
  const before = run({ 2: 100_000, 5: 251_189 });
  assert.match(
    workDifference(before, run({ 2: 100_000, 5: 316_228 })) ?? "",
    /different CPU work.*: work of 5 ms was 251189 rounds and is 316228$/,
  );
  assert.equal(workDifference(before, before), null);
  assert.equal(workDifference(before, run({ 3: 1 })), null);
  assert.equal(workDifference(before, run()), null);
  assert.equal(workDifference(run(), before), null);
});
