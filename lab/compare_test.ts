import assert from "node:assert/strict";
import { compareRuns, comparisonLines } from "./compare.ts";
import type { ExperimentResult, Metric } from "./results.ts";
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

Deno.test("comparisonLines() ends with the sum", () => {
  const random = createRandom(1);
  const lines = comparisonLines(
    compareRuns(runOf(random, () => 1), runOf(random, (measure) => measure === 3 ? 2 : 1)),
  );
  assert.match(lines[0] ?? "", /^worse +fake \(3\) p99: .* -> .*, (1\.9|2\.)/);
  assert.match(lines.at(-1) ?? "", /^1 of 100 measures changed beyond noise \(99\.0 % the same\)/);
});
