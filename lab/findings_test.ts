import assert from "node:assert/strict";
import { ratioVerdict } from "./findings.ts";

const ratio = { estimate: 200, low: 100, high: 400, level: 0.95, n: 3, method: "" };

Deno.test("ratioVerdict() says what was added where a trial had no request to count", () => {
  const { outcome, sentence } = ratioVerdict("x", { ...ratio, note: "half a one" }, 2, "fewer");
  assert.equal(outcome, "held");
  assert.equal(sentence, "200x [100x, 400x] fewer (half a one).");
  assert.equal(ratioVerdict("x", ratio, 2, "fewer").sentence, "200x [100x, 400x] fewer.");
});

Deno.test("ratioVerdict() does not call unmeasured what gave nothing", () => {
  const { outcome, sentence } = ratioVerdict("x", null, 2, "fewer");
  assert.equal(outcome, "inconclusive");
  assert.match(sentence, /^No ratio: a side was not measured in this run, or gave nothing\.$/);
});
