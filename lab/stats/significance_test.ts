import assert from "node:assert/strict";
import { createRandom, shuffle } from "./random.ts";
import { benjaminiHochberg, countDifference, welch } from "./significance.ts";

Deno.test("benjaminiHochberg() believes the four findings of the authors' example", () => {
  // Benjamini and Hochberg 1995, section 4: 15 p-values, rate 0.05. (Bonferroni would believe three.)
  const ps = [
    0.0001,
    0.0004,
    0.0019,
    0.0095,
    0.0201,
    0.0278,
    0.0298,
    0.0344,
    0.0459,
    0.3240,
    0.4262,
    0.5719,
    0.6528,
    0.7590,
    1,
  ];
  assert.deepEqual(benjaminiHochberg(ps), ps.map((_, i) => i < 4));
  const order = shuffle(ps.map((_, i) => i), createRandom(3));
  assert.deepEqual(benjaminiHochberg(order.map((i) => ps[i] ?? NaN)), order.map((i) => i < 4));
  assert.deepEqual(benjaminiHochberg([]), []);
});

Deno.test("welch() is wrong about equal means 5 % of the time and sees a shift", () => {
  const random = createRandom(11);
  const draw = (spread: number) => Array.from({ length: 5 }, () => spread * (random() - 0.5));
  const repeats = 2_000;
  let wrong = 0;
  for (let i = 0; i < repeats; i++) {
    const { p = NaN, low = NaN, high = NaN } = welch(draw(1), draw(3)) ?? {};
    if (p < 0.05) wrong++;
    assert.equal(p < 0.05, low > 0 || high < 0, "test and interval must agree");
  }
  assert.ok(wrong / repeats < 0.07, `wrong ${wrong} times`);
  assert.ok((welch([1, 1.01, 0.99], [1.2, 1.21, 1.19])?.p ?? 1) < 0.001);
});

Deno.test("welch() has no answer from one trial, and a plain one when nothing varies", () => {
  assert.equal(welch([1], [1, 2]), null);
  assert.equal(welch([1, 1], [1, 1])?.p, 1);
  assert.equal(welch([1, 1], [2, 2])?.p, 0);
});

Deno.test("createRandom() repeats itself for a seed, differs between seeds and is uniform", () => {
  const first = createRandom(5), again = createRandom(5), other = createRandom(6);
  const draws = Array.from({ length: 10_000 }, first);
  assert.deepEqual(draws, draws.map(again));
  assert.notEqual(draws[0], other());
  const bins = Array.from(
    { length: 10 },
    (_, bin) => draws.filter((draw) => Math.floor(draw * 10) === bin).length,
  );
  // Chi-squared with 9 degrees of freedom: 27.9 is exceeded once in a thousand.
  assert.ok(bins.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0) < 27.9);
});

Deno.test("shuffle() keeps every item and depends on the seed alone", () => {
  const items = [1, 2, 3, 4, 5, 6, 7, 8];
  assert.deepEqual(shuffle(items, createRandom(1)), shuffle(items, createRandom(1)));
  assert.deepEqual(shuffle(items, createRandom(1)).toSorted(), items);
  assert.notDeepEqual(shuffle(items, createRandom(1)), shuffle(items, createRandom(2)));
});

Deno.test("countDifference() believes no less scatter than chance gives", () => {
  assert.ok((countDifference([0, 0, 0], [1, 1, 1])?.p ?? 0) > 0.2);
  assert.ok((countDifference([0, 0, 0], [30, 30, 30])?.p ?? 1) < 0.001);
  // Bursts scatter more than chance, and that is believed.
  assert.ok((countDifference([0, 0, 0], [0, 0, 90])?.p ?? 0) > 0.2);
  assert.equal(countDifference([0], [1, 1]), null);
});
