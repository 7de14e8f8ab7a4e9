import assert from "node:assert/strict";
import { countVerdict, ruleOfThree } from "./counts.ts";
import type { Metric } from "./results.ts";

function metric(...values: number[]): Metric {
  return {
    ...{ name: "failed", title: "Failed requests", unit: "count", levels: { front: "caddy" } },
    ...{ theory: 0, better: "lower" },
    value: { estimate: 0.1, low: 0, high: 0.4, level: 0.95, n: values.length, method: "test" },
    perTrial: values.map((value, i) => ({ trial: `${i}`, value })),
  };
}

Deno.test("ruleOfThree() is the end of the exact interval, and never above 1", () => {
  for (const n of [30, 100, 10_000]) {
    assert.ok(Math.abs(ruleOfThree(n) / (1 - 0.05 ** (1 / n)) - 1) < 0.06, `${n}`);
  }
  assert.equal(ruleOfThree(2), 1);
});

Deno.test("countVerdict() holds with nothing found, also in one trial, and says what is left open", () => {
  const verdict = countVerdict("none", { metrics: [metric(0)], of: 6_000, what: "requests" });
  assert.equal(verdict.outcome, "held");
  assert.match(verdict.sentence, /^0 of 6,000 requests: at most 0\.05 ?%/);
});

Deno.test("countVerdict() fails on one bad trial of many, and names its cell alone", () => {
  const good = { ...metric(0, 0, 0), levels: { front: "nginx" } };
  const metrics = [good, metric(0, 0, 1, 0, 0, 0, 0, 0, 0, 0)];
  const verdict = countVerdict("none", { metrics, of: 6_000, what: "requests" });
  assert.equal(verdict.outcome, "failed");
  assert.match(verdict.sentence, /caddy/);
  assert.doesNotMatch(verdict.sentence, /nginx/);
});

Deno.test("countVerdict() says nothing without a chance", () => {
  for (const never of [{ metrics: [], of: 5 }, { metrics: [metric(0)], of: 0 }]) {
    assert.equal(countVerdict("none", { ...never, what: "kills" }).outcome, "inconclusive");
  }
});
