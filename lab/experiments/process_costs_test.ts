import assert from "node:assert/strict";
import { goodAnswers } from "./process_costs.ts";

Deno.test("goodAnswers() divides by good answers and keeps a trial with failures out of the results", () => {
  const warnings: unknown[] = [];
  const trial = { warn: (...said: unknown[]) => void warnings.push(said) };
  assert.equal(goodAnswers(trial, { good: 100, requests: 100 }), 100);
  assert.deepEqual(warnings, []);
  assert.equal(goodAnswers(trial, { good: 60, requests: 100 }), 60);
  assert.deepEqual(warnings, [["failures", "40 of 100 requests failed", "invalid"]]);
  assert.equal(goodAnswers(trial, { good: 0, requests: 5 }), 1); // never a division by zero
});
