import assert from "node:assert/strict";
import { fakeContainer } from "../../testing/container.ts";
import { followChange, type FollowOptions } from "./follow.ts";

/** Replicas `good` and `bad`, of which `bad` never becomes ready, and what is done about them. */
function createFollower(given: Partial<FollowOptions> = {}) {
  const never = new Promise<void>(() => {});
  const done: string[] = [];
  const note = (what: string) => () => Promise.resolve(void done.push(what));
  let changes: Promise<unknown> = Promise.resolve();
  const options: FollowOptions = {
    replicas: {
      forget: note("forget"),
      look: () =>
        note("look")().then(() => ["good", "bad"].map((id) => fakeContainer("gateway", id))),
      untilBack: (id) => id === "bad" ? never : note(`await ${id}`)(),
    },
    revive: note("revive"),
    announce: note("announce"),
    // One after the other, as the supervisor does it.
    change(change) {
      const next = changes.then(change);
      changes = next.catch(() => {}); // who asked for it is told
      return next;
    },
    signal: new AbortController().signal,
    ...given,
  };
  return { options, done, settle: () => new Promise((resolve) => setTimeout(resolve)) };
}

Deno.test("followChange() lets a replica rejoin while another that was started never serves", async () => {
  const { options, done, settle } = createFollower();
  void followChange({ kind: "started", id: "bad" }, options);
  await followChange({ kind: "started", id: "good" }, options);
  await options.change(async () => {}); // what a user asks for is not kept waiting either
  await settle();
  assert.deepEqual(done, ["revive", "revive", "await good", "announce"]);
});

Deno.test("followChange() tells of an end at once, and of a start only when it serves", async () => {
  const { options, done } = createFollower();
  await followChange({ kind: "ended", id: "good" }, options);
  assert.deepEqual(done.splice(0), ["revive", "announce"]);
  await followChange({ kind: "started", id: "gone" }, options);
  assert.deepEqual(done, ["revive", "await gone", "announce"]);
});

Deno.test("followChange() has replicas rejoin though the front does not come back", async () => {
  const dead = () => Promise.reject(new Error("the front does not answer"));
  const { options, done, settle } = createFollower({ revive: dead });
  await followChange({ kind: "started", id: "good" }, options);
  assert.deepEqual(done.splice(0), ["await good", "announce"]);
  void followChange({ kind: "unknown" }, options);
  await settle();
  await settle();
  assert.deepEqual(done, ["forget", "look", "announce", "await good", "announce"]);
});

Deno.test("followChange() has replicas rejoin though the first telling failed", async () => {
  const done: string[] = [];
  const announce = () => {
    done.push("announce");
    return done.length === 1 ? Promise.reject(new Error("no front")) : Promise.resolve();
  };
  const { options, settle } = createFollower({ announce });
  void followChange({ kind: "unknown" }, options);
  await settle();
  await settle();
  assert.deepEqual(done, ["announce", "announce"]);
});

Deno.test("followChange() looks at all before it tells of what may have happened to any", async () => {
  const { options, done, settle } = createFollower();
  void followChange({ kind: "unknown" }, options);
  await settle();
  await settle();
  assert.deepEqual(done, ["forget", "revive", "look", "announce", "await good", "announce"]);
});
