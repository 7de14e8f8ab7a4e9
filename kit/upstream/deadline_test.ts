import assert from "node:assert/strict";
import { FakeClock } from "../../testing/fake_clock.ts";
import { DeadlineExceeded, DeadlineSignals } from "./deadline.ts";

Deno.test("DeadlineSignals.at() aborts no sooner than asked, and at most a granule later", async () => {
  const clock = new FakeClock();
  const signals = new DeadlineSignals(clock, 20);
  const signal = signals.at(2_001);
  await clock.advance(2_001);
  assert.equal(signal.aborted, false);
  await clock.advance(19);
  assert.equal(signal.aborted, true);
  assert.ok(signal.reason instanceof DeadlineExceeded);
});

Deno.test("DeadlineSignals.at() shares one signal within a granule, and forgets it when it is over", async () => {
  const clock = new FakeClock();
  const signals = new DeadlineSignals(clock, 20);
  const signal = signals.at(2_001);
  assert.equal(signals.at(2_020), signal);
  assert.notEqual(signals.at(2_021), signal);
  assert.equal(clock.sleeping, 2);
  await clock.advance(3_000);
  assert.equal(clock.sleeping, 0);
  const late = signals.at(2_001);
  assert.notEqual(late, signal);
  await clock.advance(0);
  assert.equal(late.aborted, true, "a time that has passed aborts at once");
});
