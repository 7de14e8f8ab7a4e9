import assert from "node:assert/strict";
import { systemClock } from "../clock.ts";
import { startTestRedis } from "../../testing/redis.ts";
import { requires } from "../../testing/requires.ts";
import type { EntityKind } from "./entity_store.ts";
import { openStore, type StoreSettings, storeSettingsSchema } from "./open_store.ts";

interface Note {
  id: string;
  text: string;
}

const log = { debug() {}, info() {}, warn() {}, error() {} };
const kind: EntityKind<Note> = { name: "notes", idPrefix: "note_", indexes: {} };

function open(settings: StoreSettings) {
  const context = { clock: systemClock, log };
  return openStore({ context, settings, kind, seed: () => [{ text: "a" }, { text: "b" }] });
}

Deno.test("storeSettingsSchema wants a known store and a Redis URL", () => {
  assert.deepEqual(storeSettingsSchema.parse({}), {
    STORE: "redis",
    REDIS_URL: "redis://127.0.0.1:6379",
    SEED: "1",
  });
  for (const bad of [{ STORE: "disk" }, { REDIS_URL: "http://a" }, { SEED: "yes" }]) {
    assert.equal(storeSettingsSchema.safeParse(bad).success, false);
  }
});

Deno.test("openStore() opens a memory store, with or without seed data", async () => {
  const settings = storeSettingsSchema.parse({ STORE: "memory" });
  const seeded = await open(settings);
  assert.equal((await seeded.store.list({ limit: 5 })).items.length, 2);
  await seeded.close();
  const empty = await open({ ...settings, SEED: "0" });
  assert.equal((await empty.store.list({ limit: 5 })).items.length, 0);
});

Deno.test({
  name: "openStore() starts without Redis and seeds when it comes",
  ...requires("redis-server"),
  async fn() {
    await using server = await startTestRedis();
    await server.stop();
    const settings = storeSettingsSchema.parse({ REDIS_URL: server.url });
    const { store, close } = await open(settings);
    try {
      await assert.rejects(store.list({ limit: 5 }), { type: "store-unavailable", status: 503 });
      await server.restart();
      const deadline = systemClock.now() + 5_000;
      let found = 0;
      while (found === 0 && systemClock.now() < deadline) {
        // deno-lint-ignore no-await-in-loop -- polls
        found = await store.list({ limit: 5 }).then(({ items }) => items.length, () => 0);
        // deno-lint-ignore no-await-in-loop -- polls
        await systemClock.sleep(20);
      }
      assert.equal(found, 2);
    } finally {
      await close();
    }
  },
});
