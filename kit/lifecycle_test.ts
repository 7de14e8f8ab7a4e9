import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { Lifecycle } from "./lifecycle.ts";

/** Whether a promise has settled, and with what, without waiting for it. */
function watch<T>(promise: Promise<T>): { value?: T } {
  const seen: { value?: T } = {};
  promise.then((value) => seen.value = value);
  return seen;
}

Deno.test("Lifecycle goes from starting over ready and draining to closed", async () => {
  const clock = new FakeClock();
  const lifecycle = new Lifecycle({ clock });
  assert.deepEqual(lifecycle.state, { kind: "starting" });
  lifecycle.markReady();
  assert.deepEqual(lifecycle.state, { kind: "ready" });
  await clock.advance(70);
  const drained = lifecycle.drain(1_000);
  assert.deepEqual(lifecycle.state, { kind: "draining", sinceMs: 70 });
  lifecycle.markReady();
  assert.equal(lifecycle.state.kind, "draining", "there is no way back");
  await clock.advance(1_000);
  await drained;
  lifecycle.close();
  assert.deepEqual(lifecycle.state, { kind: "closed" });
  assert.equal(await lifecycle.drain(1_000), true, "a closed instance has nothing to drain");
  assert.equal(lifecycle.state.kind, "closed");
});

Deno.test("Lifecycle.drain() waits until the last request in flight has left", async () => {
  const clock = new FakeClock();
  const lifecycle = new Lifecycle({ clock, quietMs: 500 });
  lifecycle.markReady();
  lifecycle.enter();
  lifecycle.enter();
  const drained = watch(lifecycle.drain(10_000));
  await clock.advance(5_000);
  lifecycle.leave();
  assert.equal(lifecycle.inFlight, 1);
  await clock.advance(100);
  assert.deepEqual(drained, {});
  lifecycle.leave();
  await clock.advance(20);
  assert.deepEqual(drained, { value: true });
});

Deno.test("Lifecycle.drain() stays open for quietMs after the last request came", async () => {
  const clock = new FakeClock();
  const lifecycle = new Lifecycle({ clock, quietMs: 500 });
  lifecycle.markReady();
  const drained = watch(lifecycle.drain(10_000));
  await clock.advance(400);
  lifecycle.enter(); // a front that has not noticed yet
  lifecycle.leave();
  await clock.advance(490);
  assert.deepEqual(drained, {});
  await clock.advance(20);
  assert.deepEqual(drained, { value: true });
});

Deno.test("Lifecycle.drain() gives up when the timeout passes first", async () => {
  const clock = new FakeClock();
  const lifecycle = new Lifecycle({ clock });
  lifecycle.enter();
  const drained = watch(lifecycle.drain(3_000));
  await clock.advance(2_990);
  assert.deepEqual(drained, {});
  await clock.advance(10);
  assert.deepEqual(drained, { value: false });
  assert.equal(lifecycle.state.kind, "draining");
});

Deno.test("Lifecycle.drain() called again waits along without starting over", async () => {
  const clock = new FakeClock();
  const lifecycle = new Lifecycle({ clock, quietMs: 500 });
  lifecycle.drain(10_000);
  await clock.advance(300);
  const second = watch(lifecycle.drain(10_000));
  assert.deepEqual(lifecycle.state, { kind: "draining", sinceMs: 0 });
  await clock.advance(210);
  assert.deepEqual(second, { value: true });
});

Deno.test("Lifecycle refuses a quietMs that is not a time", () => {
  for (const quietMs of [-1, NaN, Infinity]) {
    assert.throws(() => new Lifecycle({ quietMs }), RangeError);
  }
});
