import assert from "node:assert/strict";
import fc from "fast-check";
import { RetryBudget } from "./budget.ts";

Deno.test("RetryBudget grants its floor at once, then a fifth of the requests", () => {
  const budget = new RetryBudget();
  let granted = 0;
  for (let request = 0; request < 1_000; request++) {
    budget.begin();
    if (budget.take()) {
      granted++;
      budget.giveBack();
    }
    budget.end();
  }
  assert.equal(granted, 203);
});

Deno.test("RetryBudget grants no more at a time than the floor, or a fifth of what is active", () => {
  const budget = new RetryBudget();
  for (let request = 0; request < 10; request++) budget.begin();
  assert.deepEqual(Array.from({ length: 5 }, () => budget.take()), [
    true,
    true,
    true,
    false,
    false,
  ]);
  for (let request = 0; request < 90; request++) budget.begin();
  let granted = 3;
  while (budget.take()) granted++;
  assert.equal(granted, 20);
});

Deno.test("RetryBudget does not let a long quiet time pay for a storm", () => {
  const budget = new RetryBudget();
  for (let request = 0; request < 100_000; request++) {
    budget.begin();
    budget.end();
  }
  let granted = 0;
  while (budget.take()) {
    granted++;
    budget.giveBack();
  }
  assert.equal(granted, 100);
});

Deno.test("RetryBudget never grants more than 1.2 attempts a request plus the floor", () => {
  const action = fc.constantFrom("begin", "end", "take", "giveBack");
  const options = fc.record({
    ratio: fc.double({ min: 0, max: 1, noNaN: true }),
    floor: fc.nat(5),
  });
  fc.assert(fc.property(options, fc.array(action, { maxLength: 500 }), (options, actions) => {
    const budget = new RetryBudget(options);
    let [begun, active, granted, extra] = [0, 0, 0, 0];
    for (const action of actions) {
      if (action === "begin") budget.begin(), begun++, active++;
      else if (action === "end" && active > 0) budget.end(), active--;
      else if (action === "giveBack" && extra > 0) budget.giveBack(), extra--;
      else if (action === "take" && budget.take()) {
        granted++;
        extra++;
        assert.ok(extra <= Math.max(options.floor, Math.ceil(options.ratio * active)));
      }
      assert.ok(granted <= options.floor + options.ratio * begun + 1e-6);
    }
  }));
});

for (const options of [{ ratio: -0.1 }, { ratio: 1.1 }, { floor: -1 }, { floor: 0.5 }]) {
  Deno.test(`RetryBudget refuses ${JSON.stringify(options)}`, () => {
    assert.throws(() => new RetryBudget(options), { name: "RangeError" });
  });
}
