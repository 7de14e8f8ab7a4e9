import assert from "node:assert/strict";
import { createOnce } from "./idempotency.ts";
import type { Problem } from "./problem.ts";
import { MemoryStore } from "./store/memory_store.ts";

interface Note {
  id: string;
  text: string;
}

function openStore(): MemoryStore<Note> {
  return new MemoryStore<Note>({ name: "notes", idPrefix: "note_", indexes: {} });
}

function note(store: MemoryStore<Note>, key: string | undefined, text: string) {
  return createOnce({ store, key, request: { text }, draft: () => ({ text }) });
}

Deno.test("createOnce() creates every time when there is no key", async () => {
  const store = openStore();
  await Promise.all([note(store, undefined, "a"), note(store, undefined, "a")]);
  assert.equal((await store.list({ limit: 5 })).items.length, 2);
});

Deno.test("createOnce() gives the first answer again for the same key and request", async () => {
  const store = openStore();
  const first = await note(store, "k", "a");
  assert.deepEqual(await note(store, "k", "a"), { entity: first.entity, replayed: true });
  assert.equal(first.replayed, false);
  await assert.rejects(note(store, "k", "b"), { type: "idempotency-key-reused", status: 422 });
  assert.equal((await store.list({ limit: 5 })).items.length, 1);
});

Deno.test("createOnce() tells the same request to wait while it is carried out", async () => {
  const store = openStore();
  const results = await Promise.allSettled([note(store, "k", "a"), note(store, "k", "a")]);
  const refused = results.filter((result) => result.status === "rejected");
  assert.equal(refused.length, 1);
  const problem = refused[0]?.reason as Problem;
  assert.equal(problem.type, "conflict");
  assert.equal(problem.headers["retry-after"], "1");
});

Deno.test("createOnce() lets the same key try again at once when creating failed", async () => {
  const store = openStore();
  const failure = new Error("no draft");
  const failing = createOnce({
    store,
    key: "k",
    request: { text: "a" },
    draft: () => {
      throw failure;
    },
  });
  await assert.rejects(failing, failure);
  assert.equal((await note(store, "k", "a")).replayed, false);
});

Deno.test("createOnce() gives the error of creating when the claim cannot be given back", async () => {
  class LostStore extends MemoryStore<Note> {
    override create(): never {
      throw new Error("create failed");
    }
    override release(): Promise<void> {
      return Promise.reject(new Error("release failed"));
    }
  }
  const store = new LostStore({ name: "notes", idPrefix: "note_", indexes: {} });
  await assert.rejects(note(store, "k", "a"), { message: "create failed" });
});

Deno.test("createOnce() accepts keys of 1 to 255 printable ASCII characters only", async () => {
  const store = openStore();
  for (const key of ["", "é", "a\u0000", "a\tb", "\u007f", "x".repeat(256)]) {
    // deno-lint-ignore no-await-in-loop -- table
    await assert.rejects(note(store, key, "a"), { type: "bad-request", status: 400 });
  }
  for (const key of [" ", "~", "x".repeat(255), "__proto__"]) {
    // deno-lint-ignore no-await-in-loop -- table
    assert.equal((await note(store, key, key)).replayed, false);
  }
});
