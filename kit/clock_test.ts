import assert from "node:assert/strict";
import { systemClock } from "./clock.ts";

Deno.test("systemClock.sleep() resolves no earlier than asked", async () => {
  const start = systemClock.now();
  await systemClock.sleep(5);
  assert.ok(systemClock.now() - start >= 4, "timers may round down by a millisecond");
});

Deno.test("systemClock.sleep() rejects with the signal's reason and leaves no timer", async () => {
  const stop = new AbortController();
  const sleep = systemClock.sleep(3_600_000, stop.signal);
  stop.abort(new Error("stopped"));
  await assert.rejects(sleep, { message: "stopped" });
  await assert.rejects(systemClock.sleep(3_600_000, stop.signal), { message: "stopped" });
});
