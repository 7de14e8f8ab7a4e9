import assert from "node:assert/strict";
import { FakeClock } from "./fake_clock.ts";

Deno.test("FakeClock.advance() wakes sleepers in order of their time", async () => {
  const clock = new FakeClock();
  const woken: [string, number][] = [];
  clock.sleep(20).then(() => woken.push(["late", clock.now()]));
  clock.sleep(10).then(async () => {
    woken.push(["early", clock.now()]);
    await clock.sleep(5); // started while time moves
    woken.push(["nested", clock.now()]);
  });
  await clock.advance(9);
  assert.deepEqual(woken, []);
  await clock.advance(11);
  assert.deepEqual(woken, [["early", 10], ["nested", 15], ["late", 20]]);
  assert.equal(clock.wallNow() - new FakeClock().wallNow(), 20);
});

Deno.test("FakeClock.block() wakes nobody until time is advanced", async () => {
  const clock = new FakeClock();
  let wokenAt = -1;
  clock.sleep(10).then(() => wokenAt = clock.now());
  clock.block(300);
  assert.equal(wokenAt, -1);
  await clock.advance(1);
  assert.equal(wokenAt, 300);
});

Deno.test("FakeClock.sleep() rejects with the signal's reason", async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const sleep = clock.sleep(10, stop.signal);
  stop.abort(new Error("stopped"));
  await assert.rejects(sleep, { message: "stopped" });
  await assert.rejects(clock.sleep(10, stop.signal), { message: "stopped" });
  assert.equal(clock.sleeping, 0);
});
