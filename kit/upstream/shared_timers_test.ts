import assert from "node:assert/strict";
import { FakeClock } from "../../testing/fake_clock.ts";
import { DeadlineExceeded, SharedTimers } from "./shared_timers.ts";

Deno.test("SharedTimers.signal() aborts no sooner than asked, and at most a granule later", async () => {
  const clock = new FakeClock();
  const timers = new SharedTimers(clock, 20);
  const signal = timers.signal(2_001);
  await clock.advance(2_001);
  assert.equal(signal.aborted, false);
  await clock.advance(19);
  assert.equal(signal.aborted, true);
  assert.ok(signal.reason instanceof DeadlineExceeded);
});

Deno.test("SharedTimers.signal() shares one signal within a granule, and forgets it when it is over", async () => {
  const clock = new FakeClock();
  const timers = new SharedTimers(clock, 20);
  const signal = timers.signal(2_001);
  assert.equal(timers.signal(2_020), signal);
  assert.notEqual(timers.signal(2_021), signal);
  assert.equal(clock.sleeping, 2);
  await clock.advance(3_000);
  assert.equal(clock.sleeping, 0);
  const late = timers.signal(2_001);
  assert.notEqual(late, signal);
  await clock.advance(0);
  assert.equal(late.aborted, true, "a time that has passed aborts at once");
});

Deno.test("SharedTimers.otherwise() begins something else at its time, and not before", async () => {
  const clock = new FakeClock();
  const timers = new SharedTimers(clock, 20);
  const begun: string[] = [];
  const ask = (name: string, work: Promise<string>) =>
    timers.otherwise(work, 250, () => {
      begun.push(name);
      return Promise.resolve("the other");
    });
  const slow = Promise.withResolvers<string>();
  const failing = Promise.withResolvers<string>();
  const answers = Promise.allSettled([
    ask("done", Promise.resolve("done")),
    ask("failed", Promise.reject(new Error("failed"))),
    ask("slow", slow.promise),
    ask("failing", failing.promise),
  ]);
  await clock.advance(250);
  assert.deepEqual(begun, []);
  await clock.advance(10);
  assert.deepEqual(begun, ["slow", "failing"]);
  slow.resolve("after all");
  failing.reject(new Error("after all"));
  assert.deepEqual(
    (await answers).map((end) => end.status === "fulfilled" ? end.value : end.reason.message),
    ["done", "failed", "the other", "the other"],
  );
  assert.deepEqual(begun, ["slow", "failing"]);
});

Deno.test("SharedTimers.race() gives up at its time, or settles as the work does", async () => {
  const clock = new FakeClock();
  const timers = new SharedTimers(clock, 20);
  const slow = Promise.withResolvers<string>();
  const hung = timers.race(slow.promise, 100);
  const ends = Promise.allSettled([
    hung,
    timers.race(Promise.resolve("done"), 100),
    timers.race(Promise.reject(new Error("failed")), 100),
  ]);
  let gaveUp = false;
  hung.catch(() => gaveUp = true);
  await clock.advance(99);
  assert.equal(gaveUp, false);
  await clock.advance(1);
  const [first, done, failed] = await ends;
  assert.ok(first.status === "rejected" && first.reason instanceof DeadlineExceeded);
  assert.deepEqual(done, { status: "fulfilled", value: "done" });
  assert.ok(failed.status === "rejected" && failed.reason.message === "failed");
});

// A block that ends just after the deadline is one, too: in a container that blocked for 2 s it was a 504.
for (const [blockMs, graceMs] of [[3_000, 250], [300, 200], [110, 20]] as const) {
  Deno.test(`SharedTimers lets answers in first, for ${graceMs} ms, when the process was blocked for ${blockMs} ms`, async () => {
    const clock = new FakeClock();
    const timers = new SharedTimers(clock, 20);
    const answer = Promise.withResolvers<string>();
    const signal = timers.signal(100);
    const raced = timers.race(answer.promise, 100);
    clock.block(blockMs);
    await clock.advance(0); // the timer fires, too late
    await clock.advance(graceMs - 1);
    assert.equal(signal.aborted, false);
    answer.resolve("waited in the socket");
    assert.equal(await raced, "waited in the socket");
    await clock.advance(1);
    assert.equal(signal.aborted, true);
  });
}

Deno.test("SharedTimers gives up nothing that is due just after a block", async () => {
  const clock = new FakeClock();
  const timers = new SharedTimers(clock, 20);
  const during = timers.signal(100);
  const after = timers.signal(320);
  clock.block(300);
  await clock.advance(199);
  assert.equal(after.aborted, false);
  await clock.advance(1);
  assert.deepEqual([during.aborted, after.aborted], [true, true]);
});

Deno.test("SharedTimers gives up in the end when the process is late all the time", async () => {
  const clock = new FakeClock();
  const timers = new SharedTimers(clock, 20);
  const signal = timers.signal(100);
  let rounds = 0;
  for (; !signal.aborted && rounds < 20; rounds++) {
    clock.block(130);
    // deno-lint-ignore no-await-in-loop -- one late timer after the other
    await clock.advance(0);
  }
  assert.equal(rounds, 4, "late at its own time, and at each of three that were given back");
});
