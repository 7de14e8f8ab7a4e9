import assert from "node:assert/strict";
import { Evidence, TrialEvidence } from "../evidence.ts";
import type { Sample } from "../load/sample.ts";
import type { Levels, Trial } from "../results.ts";
import { failover } from "./failover.ts";

const ACTION_MS = 500;

/** A trial of 200 requests/s for 3 s, of which some (by send time) took so long. */
function trialOf(levels: Levels, repetition: number, slow: Record<number, number> = {}) {
  const samples = Array.from({ length: 600 }, (_, i): Sample => ({
    ...{ intendedMs: i * 5, lateMs: 0, status: 200, error: null, instance: null, target: 0 },
    ...{ reused: true, retries: 0, retryAfterS: null, latencyMs: slow[i * 5] ?? 2 },
  }));
  const record = {
    ...{ experiment: "failover", id: `${levels.action}${repetition}`, levels, repetition },
    observations: { actionAtMs: ACTION_MS },
    samples: [{ label: "light", path: "x" }],
    events: [],
  } as unknown as Trial;
  return new TrialEvidence(record, new Map([["light", samples]]));
}

const KILL: Levels = { action: "kill-1", front: "nginx", connections: "fresh" };
const SCALE: Levels = { action: "scale", front: "nginx", connections: "fresh" };
const outcomes = (trials: TrialEvidence[]) =>
  failover.analyse(new Evidence(trials)).verdicts.map(({ outcome }) => outcome);

Deno.test("failover holds with one trial a cell, and says what zero failures leave open", () => {
  const trials = [trialOf(KILL, 1, { 900: 600 }), trialOf(SCALE, 1, { 2_000: 300 })];
  const { verdicts } = failover.analyse(new Evidence(trials));
  assert.deepEqual(verdicts.map(({ outcome }) => outcome), ["held", "held", "held"]);
  assert.match(verdicts[0]?.sentence ?? "", /^0 of 600 requests: at most 0\.5 %/);
  // Of the kill's 600, those that were sent from 1 s after it.
  assert.match(verdicts[2]?.sentence ?? "", /^0 of 300 requests: at most 1 %/);
});

Deno.test("failover finds one slow request of one trial among many 1 s after a kill", () => {
  const trials = [1, 2, 3, 4, 5].map((repetition) => trialOf(KILL, repetition));
  assert.deepEqual(outcomes(trials), ["inconclusive", "held", "held"]);
  const late = trialOf(KILL, 6, { 1_500: 251 });
  assert.deepEqual(outcomes([...trials, late]), ["inconclusive", "held", "failed"]);
});

Deno.test("failover scales from one replica, and does everything else to three", async () => {
  const asked: unknown[] = [];
  const stack = {
    status: () => Promise.resolve({ instances: [], front: "nginx", policy: "round-robin" }),
    scale: (to: unknown) => Promise.resolve(void asked.push(to)),
  };
  for (const levels of [SCALE, KILL]) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await failover.arrange?.(stack as never, levels);
  }
  assert.deepEqual(asked, [{ gateway: 1 }, { gateway: 3 }]);
});
