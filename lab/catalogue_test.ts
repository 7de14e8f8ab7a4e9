import assert from "node:assert/strict";
import { EXPERIMENTS } from "./catalogue.ts";
import { cellsOf, chooseLevels, planTrials, stackStarts } from "./design.ts";
import { Evidence } from "./evidence.ts";
import { neededTools } from "./needed_tools.ts";
import { createRandom } from "./stats/random.ts";

Deno.test("EXPERIMENTS have names that the command line can take, and no two the same", () => {
  const names = EXPERIMENTS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.every((name) => /^[a-z]+(-[a-z]+)*$/.test(name)));
});

for (const experiment of EXPERIMENTS) {
  const { name, factors, includes, hypotheses } = experiment;

  Deno.test(`${name} has cells, fully and quickly, and quick levels among all levels`, () => {
    for (const quick of [false, true]) {
      const cells = cellsOf(chooseLevels(factors, { quick }), includes, quick);
      assert.ok(cells.length > 0);
      assert.ok(cells.every((levels) => experiment.secondsPerTrial(levels, quick) > 0));
    }
    for (const { levels, quick = [] } of factors) {
      assert.ok(quick.every((level) => levels.includes(level)));
    }
  });

  Deno.test(`${name} judges each of its claims once, also without evidence`, () => {
    const { verdicts } = experiment.analyse(new Evidence([]));
    assert.deepEqual(
      verdicts.map(({ hypothesis }) => hypothesis),
      hypotheses.map(({ id }) => id),
    );
    assert.ok(verdicts.every(({ outcome }) => outcome === "inconclusive"));
  });
}

Deno.test("the trials of a quick run of everything but containers are planned to take at most 270 s", () => {
  const seconds = EXPERIMENTS.reduce((sum, experiment) => {
    const { factors, includes, trials, secondsPerTrial } = experiment;
    const cells = cellsOf(chooseLevels(factors, { quick: true }), includes, true)
      .filter((levels) => !neededTools(experiment, levels).includes("docker"));
    return sum +
      cells.reduce((all, levels) => all + trials.quick * secondsPerTrial(levels, true), 0);
  }, 0);
  // Stacks come on top: about 18 starts and stops of 2 s. What then is too much, the run's budget takes from the last
  // repetitions.
  assert.ok(seconds < 270, `${seconds} s`);
});

Deno.test("a full run of everything but containers is planned to take about half an hour", () => {
  const seconds = EXPERIMENTS.reduce((sum, experiment) => {
    const { factors, includes, trials, secondsPerTrial, stack: stackKey, sitsOut } = experiment;
    const cells = cellsOf(chooseLevels(factors, { quick: false }), includes)
      .filter((levels) => !neededTools(experiment, levels).includes("docker"));
    const order = planTrials(cells, {
      ...{ trials: trials.full, stackKey, random: createRandom(1) },
      ...(sitsOut ? { sitsOut } : {}),
    });
    const starts = 3 * stackStarts(order, stackKey);
    return order.reduce((all, { levels }) => all + secondsPerTrial(levels, false), sum + starts);
  }, 0);
  assert.ok(seconds < 1_890, `${seconds} s`);
});
