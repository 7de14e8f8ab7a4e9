import assert from "node:assert/strict";
import { startTestRedis } from "../testing/redis.ts";
import { requires } from "../testing/requires.ts";
import { systemClock } from "./clock.ts";
import type { Entity, EntityKind } from "./store/entity_store.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };

interface Thing extends Entity {
  name: string;
}
const kind: EntityKind<Thing> = { name: "things", idPrefix: "thg_", indexes: {} };

/** Polls, because news takes its way through a socket. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i++) {
    // deno-lint-ignore no-await-in-loop -- again until it is so
    await systemClock.sleep(10);
  }
  assert.ok(condition());
}

Deno.test({
  name: "openChangeFeed() tells of every write, and says when it could have missed one",
  ...requires("redis-server"),
  async fn() {
    const { openChangeFeed } = await import("./change_feed.ts");
    const { createRedis } = await import("./redis.ts");
    const { RedisStore } = await import("./store/redis_store.ts");
    await using server = await startTestRedis();
    const redis = createRedis({ url: server.url, log });
    const feed = openChangeFeed({ url: server.url, log, clock: systemClock, deadlineMs: 200 });
    try {
      await redis.whenReady(5_000);
      const told: (string | undefined)[] = [];
      feed.onChange((changed) => told.push(changed));
      await until(() => feed.connected);
      const store = new RedisStore(redis, kind);
      await store.seed([{ name: "a" }]);
      await until(() => told.length === 1);
      await store.create({ name: "b" });
      await until(() => told.length === 2);
      await store.get("thg_000000000001");
      await store.seed([{ name: "c" }]);
      assert.deepEqual(told, ["things", "things"]);

      await server.kill();
      await until(() => !feed.connected);
      assert.equal(told.at(-1), undefined);
      await server.restart();
      await until(() => feed.connected && redis.status === "ready");
      const before = told.length;
      await store.create({ name: "d" });
      await until(() => told.length === before + 1);

      // A server that holds the connection and says nothing any more.
      await server.kill("SIGSTOP");
      await until(() => !feed.connected);
      await server.kill("SIGCONT");
      await until(() => feed.connected);
    } finally {
      await feed.close();
      await redis.close();
    }
  },
});
