import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { requires } from "../../testing/requires.ts";
import { createRandom } from "../stats/random.ts";
import {
  backlogGrowth,
  latenessOf,
  type OhaResponse,
  peakInFlight,
  readOhaResponses,
} from "./oha_responses.ts";

/** `count` requests, one every `gapMs`, each with the latency that is asked of its number. */
function responses(count: number, gapMs: number, latencyMs: (i: number) => number): OhaResponse[] {
  return Array.from({ length: count }, (_, i) => {
    const intendedMs = i * gapMs;
    return { intendedMs, sentMs: intendedMs, endedMs: intendedMs + latencyMs(i) };
  });
}

Deno.test("backlogGrowth() is 0 for a slow service without limit and q / C - 1 for a queue", () => {
  assert.ok(Math.abs(backlogGrowth(responses(20, 50, () => 300)).slope) < 1e-9);
  // 100/s offered, 50/s served: each waits 10 ms longer than the one before.
  const queue = backlogGrowth(responses(100, 10, (i) => 20 + 10 * i));
  assert.ok(Math.abs(queue.slope - 1) < 1e-9);
  assert.ok(queue.error < 1e-6);
});

Deno.test("backlogGrowth() tells jitter from growth by its error", () => {
  const random = createRandom(1);
  const jitter = responses(20, 50, () => -300 * Math.log(1 - random()));
  const { slope, error } = backlogGrowth(jitter);
  assert.ok(slope < 3 * error, `${slope} +- ${error}`);
  assert.equal(backlogGrowth(responses(2, 50, () => 1)).error, Infinity);
});

Deno.test("latenessOf() blames oha only when a connection was free all the time", () => {
  const late = responses(100, 10, () => 30).map((each) => ({
    ...each,
    sentMs: each.intendedMs + 20,
  }));
  assert.deepEqual(latenessOf(late, 200), { lateP99Ms: 20, lateMaxMs: 20, own: true });
  assert.equal(latenessOf(late, peakInFlight(late))?.own, false);
  assert.equal(latenessOf([], 1), null);
});

Deno.test("peakInFlight() counts what is under way at a time", () => {
  assert.equal(peakInFlight(responses(10, 10, () => 35)), 4);
  assert.equal(peakInFlight(responses(10, 10, () => 10)), 1);
});

Deno.test({
  name: "readOhaResponses() reads oha's table in order of intended sends, in ms",
  ...requires(),
  fn: async () => {
    const path = await Deno.makeTempFile({ suffix: ".sqlite" });
    try {
      const database = new DatabaseSync(path);
      database.exec(
        'CREATE TABLE oha (start REAL NOT NULL, start_latency_correction REAL, "end" REAL NOT NULL);' +
          "INSERT INTO oha VALUES (2.5, 2, 3), (1, NULL, 1.25);",
      );
      database.close();
      assert.deepEqual(readOhaResponses(path), [
        { intendedMs: 1_000, sentMs: 1_000, endedMs: 1_250 },
        { intendedMs: 2_000, sentMs: 2_500, endedMs: 3_000 },
      ]);
    } finally {
      await Deno.remove(path);
    }
  },
});
