import assert from "node:assert/strict";
import { fakeContainer } from "../../testing/container.ts";
import { FakeClock } from "../../testing/fake_clock.ts";
import { type Change, watchContainers, type WatchedEngine } from "./watch.ts";

/** A watch of gateway containers, with an engine that says what a test makes it say. */
function startWatch(leaving: readonly string[] = []) {
  const clock = new FakeClock();
  const closing = new AbortController();
  const containers = ["a", "b", "c"].map((id) => fakeContainer("gateway", id));
  const subscriptions: ReadableStreamDefaultController<{ id: string; action: string }>[] = [];
  const seen = { changes: [] as Change[], ended: [] as string[], started: [] as string[] };
  const engine: WatchedEngine = {
    async *events() {
      yield* new ReadableStream({ start: (controller) => void subscriptions.push(controller) });
    },
    start: (id) => Promise.resolve(seen.started.push(id)),
  };
  const watching = watchContainers({
    label: "x=y",
    containers: () => Promise.resolve(containers),
    replicas: {
      isLeaving: (id) => leaving.includes(id),
      noteEnd: (id) => void seen.ended.push(id),
    },
    clock,
    signal: closing.signal,
    onChange: (change) => void seen.changes.push(change),
    engine,
  });
  const end = async () => {
    closing.abort();
    subscriptions.at(-1)?.close();
    await watching;
  };
  return { clock, containers, subscriptions, seen, end };
}

Deno.test("watchContainers() revives what ended, but nothing that is leaving", async () => {
  const { clock, subscriptions, seen, end } = startWatch(["b"]);
  await clock.advance(0);
  for (const id of ["a", "b"]) subscriptions[0]?.enqueue({ id, action: "die" });
  await clock.advance(499);
  assert.deepEqual(seen, { changes: [{ kind: "ended", id: "a" }], ended: ["a"], started: [] });
  await clock.advance(1);
  assert.deepEqual(seen.started, ["a"]);
  subscriptions[0]?.enqueue({ id: "a", action: "start" });
  await clock.advance(0);
  assert.deepEqual(seen.changes[1], { kind: "started", id: "a" });
  await end();
});

Deno.test("watchContainers() subscribes again after the engine was away, and looks", async () => {
  const { clock, containers, subscriptions, seen, end } = startWatch(["c"]);
  await clock.advance(0);
  for (const { State } of containers.slice(1)) State.Status = "exited";
  subscriptions[0]?.close();
  await clock.advance(500);
  assert.equal(subscriptions.length, 2);
  assert.deepEqual(seen.changes, []);
  await clock.advance(500);
  assert.deepEqual(seen, { changes: [{ kind: "unknown" }], ended: ["b"], started: [] });
  await clock.advance(500);
  assert.deepEqual(seen.started, ["b"]);
  subscriptions[1]?.enqueue({ id: "a", action: "die" });
  await clock.advance(500);
  assert.deepEqual(seen.started, ["b", "a"]);
  await end();
});

Deno.test("watchContainers() does not subscribe again when it is told to end", async () => {
  const { clock, subscriptions, end } = startWatch();
  await clock.advance(0);
  await end();
  assert.equal(subscriptions.length, 1);
});
