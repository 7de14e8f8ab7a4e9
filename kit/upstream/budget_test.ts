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
  // The first request comes when as much is saved as can be: its share is lost.
  assert.equal(granted, 202);
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
  let granted = 0;
  while (budget.take()) granted++;
  assert.equal(granted, 3, "no more is saved than the floor");
});

Deno.test("RetryBudget lets no quiet time pay for a storm: 1.2 attempts a request and 3 from its first second on", () => {
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
  for (let request = 0; request < 200; request++) {
    budget.begin();
    while (budget.take()) {
      granted++;
      budget.giveBack();
    }
    budget.end();
  }
  assert.ok(granted <= 0.2 * 200 + 3, `${granted} extra attempts for 200 requests`);
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
