import assert from "node:assert/strict";
import { cpuWork, renard } from "./cpu_work.ts";

Deno.test("renard() has ten steps a decade and is never further than 13 % away", () => {
  assert.deepEqual([1, 1_250, 1_600_000, 1e9].map(renard), [1, 1_259, 1_584_893, 1e9]);
  for (let value = 100; value < 1e9; value *= 1.07) {
    assert.ok(Math.abs(renard(value) / value - 1) < 0.13, `${value}`);
  }
});

Deno.test("cpuWork() is the same work each time, about as long as asked for", () => {
  const work = cpuWork(5);
  assert.deepEqual(cpuWork(5), work);
  assert.ok(Math.abs(work.workMs / 5 - 1) < 0.13, `${work.workMs} ms`);
  assert.equal(work.rounds, renard(work.rounds));
  assert.ok(cpuWork(50).rounds > 9 * work.rounds);
});
