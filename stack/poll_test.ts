import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { poll } from "./poll.ts";

Deno.test("poll() looks at once, then at every interval until the condition holds", async () => {
  const clock = new FakeClock();
  const looks: number[] = [];
  const held = poll(() => looks.push(clock.now()) === 3, { timeoutMs: 100, everyMs: 20, clock });
  await clock.advance(40);
  assert.equal(await held, true);
  assert.deepEqual(looks, [0, 20, 40]);
});

Deno.test("poll() answers false when the time is up, after a last look", async () => {
  const clock = new FakeClock();
  const looks: number[] = [];
  const held = poll(() => Promise.resolve(looks.push(clock.now()) === 0), {
    timeoutMs: 50,
    everyMs: 20,
    clock,
  });
  await clock.advance(60);
  assert.equal(await held, false);
  assert.deepEqual(looks, [0, 20, 40, 60]);
});

Deno.test("poll() throws what its condition throws", async () => {
  const gone = () => Promise.reject(new Error("no such container"));
  await assert.rejects(poll(gone, { timeoutMs: 50, everyMs: 20 }), /no such container/);
});
