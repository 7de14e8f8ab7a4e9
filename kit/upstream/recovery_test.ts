import assert from "node:assert/strict";
import { FakeClock } from "../../testing/fake_clock.ts";
import type { HttpSend } from "./request.ts";
import { waitForRecovery } from "./recovery.ts";
import { SharedTimers } from "./shared_timers.ts";

/** A replica that answers its readiness after the given times, in turn; the last one for ever. */
function setUp(...answersAfterMs: number[]) {
  const clock = new FakeClock();
  const stop = new AbortController();
  let looks = 0;
  const send: HttpSend = async (_url, { signal } = {}) => {
    const afterMs = answersAfterMs[Math.min(looks++, answersAfterMs.length - 1)] ?? 0;
    await clock.sleep(afterMs, signal);
    return new Response("ready");
  };
  const timers = new SharedTimers(clock);
  const origins = () => ["http://a"];
  let result: boolean | undefined;
  void waitForRecovery({ origins, send, clock, timers, signal: stop.signal })
    .then((back) => result = back);
  return { clock, stop, looks: () => looks, result: () => result };
}

Deno.test("waitForRecovery() watches nothing when the service answers at once", async () => {
  const { clock, looks, result } = setUp(5);
  await clock.advance(10);
  assert.equal(result(), false);
  assert.equal(looks(), 1);
});

Deno.test("waitForRecovery() sees a service that was silent answer again, also during the first look", async () => {
  const silent = setUp(1e6, 1e6, 5);
  await silent.clock.advance(6_100);
  assert.equal(silent.result(), true);
  assert.equal(silent.looks(), 3);

  const thawed = setUp(800);
  await thawed.clock.advance(900);
  assert.equal(thawed.result(), true);
});

Deno.test("waitForRecovery() ends when it is told to", async () => {
  const { clock, stop, result } = setUp(1e6);
  await clock.advance(1_100);
  stop.abort();
  await clock.advance(0);
  assert.equal(result(), false);
});
