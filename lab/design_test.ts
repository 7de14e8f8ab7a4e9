import assert from "node:assert/strict";
import { cellsOf, chooseLevels, planTrials, stackStarts } from "./design.ts";
import type { FactorSpec } from "./experiment.ts";
import type { Levels } from "./results.ts";
import { createRandom } from "./stats/random.ts";

const FACTORS: FactorSpec[] = [
  { name: "replicas", description: "", levels: [1, 3] },
  { name: "policy", description: "", levels: ["a", "b", "c"], quick: ["a"] },
];

Deno.test("chooseLevels() takes all levels, the quick ones, or those that were named", () => {
  const levelsOf = (factors: FactorSpec[]) => factors.map(({ levels }) => levels);
  assert.deepEqual(levelsOf(chooseLevels(FACTORS, { quick: false })), [[1, 3], ["a", "b", "c"]]);
  assert.deepEqual(levelsOf(chooseLevels(FACTORS, { quick: true })), [[1, 3], ["a"]]);
  const narrowing = { replicas: ["3"], policy: ["c", "b"] };
  assert.deepEqual(levelsOf(chooseLevels(FACTORS, { quick: true, narrowing })), [[3], ["c", "b"]]);
});

Deno.test("chooseLevels() refuses a level that does not exist", () => {
  assert.throws(
    () => chooseLevels(FACTORS, { quick: false, narrowing: { replicas: ["2"] } }),
    /Cannot narrow replicas: it must be one of 1, 3, received "2"/,
  );
});

Deno.test("cellsOf() is the product of the levels less what is left out", () => {
  const cells = cellsOf(FACTORS, ({ replicas, policy }) => replicas === 3 || policy === "a");
  assert.equal(cells.length, 4);
  assert.deepEqual(cells[0], { replicas: 1, policy: "a" });
});

Deno.test("cellsOf() thins a quick run, but not one that was narrowed", () => {
  const seen: unknown[] = [];
  for (const narrowing of [{}, { replicas: ["3"] }]) {
    const factors = chooseLevels(FACTORS, { quick: true, narrowing });
    cellsOf(
      factors,
      (_levels, quick, given) => Boolean(seen.push([quick, given === factors])),
      true,
    );
  }
  assert.deepEqual(seen, [[true, true], [true, true], [false, true]]);
});

const cells = cellsOf(FACTORS);
const stackKey = ({ replicas }: Levels) => ({ replicas: Number(replicas) });
const plan = (seed: number) =>
  planTrials(cells, { trials: 4, stackKey, random: createRandom(seed) });

Deno.test("planTrials() runs every cell once a repetition, repetitions one after the other", () => {
  const order = plan(1);
  assert.equal(order.length, 24);
  for (const repetition of [1, 2, 3, 4]) {
    const block = order.slice((repetition - 1) * 6, repetition * 6);
    assert.ok(block.every((trial) => trial.repetition === repetition));
    assert.equal(new Set(block.map(({ levels }) => JSON.stringify(levels))).size, 6);
  }
});

Deno.test("planTrials() gives the same order for a seed, another for another", () => {
  assert.deepEqual(plan(1), plan(1));
  assert.notDeepEqual(plan(1), plan(2));
});

Deno.test("planTrials() orders each repetition anew and keeps cells of one stack together", () => {
  const order = plan(3);
  const blocks = [0, 6, 12, 18].map((from) => order.slice(from, from + 6));
  const orders = blocks.map((block) => block.map(({ levels }) => JSON.stringify(levels)).join());
  assert.ok(new Set(orders).size > 1);
  for (const block of blocks) {
    const changes = block.filter(({ levels }, i) =>
      i > 0 && levels.replicas !== block[i - 1]?.levels.replicas
    );
    assert.equal(changes.length, 1);
  }
});

Deno.test("planTrials() leaves out the cells that sit out a repetition", () => {
  const sitsOut = ({ policy }: Levels, repetition: number) =>
    policy === "c" && repetition % 2 === 0;
  const order = planTrials(cells, { trials: 3, stackKey, random: createRandom(1), sitsOut });
  const repetitions = (policy: string) =>
    order.filter(({ levels }) => levels.policy === policy).map(({ repetition }) => repetition);
  assert.deepEqual(repetitions("c"), [1, 1, 3, 3]);
  assert.deepEqual(repetitions("a"), [1, 1, 2, 2, 3, 3]);
});

Deno.test("stackStarts() counts what is started when three are kept and the oldest goes", () => {
  const startsOf = (...stacks: (number | null)[]) =>
    stackStarts(
      stacks.map((replicas) => ({ levels: { replicas: replicas ?? 0 }, repetition: 1 })),
      (levels) => levels.replicas === 0 ? null : stackKey(levels),
    );
  assert.equal(startsOf(null, null), 0);
  assert.equal(startsOf(1, 2, 3, 1, 2, 3, 3), 3);
  // 4 takes the place of 2, which was not used for longest.
  assert.equal(startsOf(1, 2, 3, 1, 4, 3, 1), 4);
  assert.equal(startsOf(1, 2, 3, 4, 1, 2, 3, 4), 8);
});
