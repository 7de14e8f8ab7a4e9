import assert from "node:assert/strict";
import { startTestRedis } from "../../testing/redis.ts";
import { requires } from "../../testing/requires.ts";
import { type Counter, MemoryCounter, RedisCounter } from "./counter.ts";

async function checkCounter(counter: Counter): Promise<void> {
  const counts = await Promise.all(Array.from({ length: 20 }, () => counter.increment("a")));
  assert.deepEqual(counts.toSorted((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i + 1));
  assert.equal(await counter.increment("b"), 1);
}

Deno.test("MemoryCounter.increment() gives each caller its own count", async () => {
  await checkCounter(new MemoryCounter());
});

Deno.test({
  name: "RedisCounter.increment() gives each caller its own count",
  ...requires("redis-server"),
  async fn() {
    const { createRedis } = await import("../redis.ts");
    await using server = await startTestRedis();
    const redis = createRedis({
      url: server.url,
      log: { debug() {}, info() {}, warn() {}, error() {} },
    });
    try {
      await redis.whenReady(5_000);
      await checkCounter(new RedisCounter(redis));
    } finally {
      await redis.close();
    }
  },
});
