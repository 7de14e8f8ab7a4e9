import assert from "node:assert/strict";
import { Evidence, TrialEvidence } from "../evidence.ts";
import type { Sample } from "../load/sample.ts";
import type { Trial } from "../results.ts";
import { breaker } from "./breaker.ts";

/** A trial without a breaker: 168 requests were tried, and so many retries came on top. */
function trialOf(
  protection: string,
  repetition: number,
  settledRetries: number,
  bystanderMs = 5,
): TrialEvidence {
  const samples = Array.from({ length: 360 }, (_, i): Sample => ({
    ...{ intendedMs: i * 1000 / 60, lateMs: 0, latencyMs: 5, error: null, instance: "gateway-1" },
    ...{ status: i > 60 && i < 300 ? 500 : 200, target: 0, reused: true, retries: 0 },
    retryAfterS: null,
  }));
  const record = {
    ...{ experiment: "breaker", id: `${protection}${repetition}`, repetition },
    levels: { protection, fault: "error" },
    observations: {
      ...{ attempts: 240 + settledRetries, settledAttempts: 168 + settledRetries, settledRetries },
      ...{ faultAtMs: 1_000, recoveredAtMs: 5_000 },
    },
    ...{ events: [], durationMs: 6_000 },
    samples: [{ label: "orders", path: "x" }, { label: "users", path: "y" }],
  } as unknown as Trial;
  const users = samples.map((sample) => ({
    ...sample,
    ...{ status: 200, latencyMs: sample.status === 500 ? bystanderMs : 5 },
  }));
  return new TrialEvidence(record, new Map([["orders", samples], ["users", users]]));
}

function outcomes(bounded: readonly number[], storm: readonly number[]) {
  const { verdicts, headline } = breaker.analyse(
    new Evidence([
      ...bounded.map((retries, i) => trialOf("no-breaker", i, retries)),
      ...storm.map((retries, i) => trialOf("no-breaker-no-budget", i, retries)),
    ]),
  );
  const of = (id: string) => verdicts.find(({ hypothesis }) => hypothesis === id)?.outcome;
  return { bounds: of("budget-bounds"), storm: of("storm-without-budget"), rows: headline.length };
}

Deno.test("breaker shows the storm that a budget holds back", () => {
  const seen = outcomes([34, 33, 34, 33, 34], [336, 336, 335, 336, 336]);
  assert.deepEqual(seen, { bounds: "held", storm: "held", rows: 1 });
});

Deno.test("breaker refutes a budget that one trial exceeds, though the mean does not", () => {
  assert.equal(outcomes([38, 20, 20, 20, 20], [336, 336]).bounds, "failed");
  assert.equal(outcomes([37, 20, 20, 20, 20], [336, 336]).bounds, "held");
});

Deno.test("breaker refutes a storm where no budget was lifted", () => {
  assert.equal(outcomes([34, 33, 34, 33, 34], [34, 33, 34, 33, 34]).storm, "failed");
});

Deno.test("breaker says nothing of budgets that were not measured", () => {
  const seen = outcomes([], []);
  assert.deepEqual(seen, { bounds: "inconclusive", storm: "inconclusive", rows: 0 });
});

Deno.test("breaker holds bystanders against what is usual for them in the same trial", () => {
  const outcome = (bystanderMs: number) =>
    breaker.analyse(new Evidence([1, 2, 3].map((n) => trialOf("all", n, 0, bystanderMs))))
      .verdicts.find(({ hypothesis }) => hypothesis === "bystanders-unharmed")?.outcome;
  assert.equal(outcome(7), "held");
  assert.equal(outcome(8), "failed");
});
