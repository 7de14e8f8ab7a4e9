// deno-lint-ignore-file no-await-in-loop -- one request after the other is the point
import assert from "node:assert/strict";
import fc from "fast-check";
import { FakeClock } from "../../testing/fake_clock.ts";
import { fakeDate } from "../../testing/fake_date.ts";
import { startTestRedis } from "../../testing/redis.ts";
import { requires } from "../../testing/requires.ts";
import { Problem } from "../problem.ts";
import type { RedisClient } from "../redis.ts";
import { MemoryRateLimiter, type RateLimiter, RedisRateLimiter } from "./rate_limiter.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Checks a limit of 2 in 10 s. Times may be up to a second less than expected: Redis's own time cannot
 * be stopped.
 */
async function checkLimiter(
  limiter: RateLimiter,
  advance: (ms: number) => Promise<void>,
): Promise<void> {
  async function check(client: string, allowed: boolean, remaining: number, resetMs: number) {
    const result = await limiter.consume(client);
    assert.deepEqual({ ...result, resetMs }, { allowed, remaining, resetMs });
    assert.ok(result.resetMs > resetMs - 1_000 && result.resetMs <= resetMs, `${result.resetMs}`);
  }
  await check("a", true, 1, 10_000);
  await advance(4_000);
  await check("a", true, 0, 6_000);
  await check("a", false, 0, 6_000);
  await check("b", true, 1, 10_000);
  await advance(5_000);
  await check("a", false, 0, 1_000); // what was refused made the window no longer
  await advance(1_000);
  await check("a", true, 1, 10_000);
  await check("b", true, 0, 4_000);
}

async function withRedis(check: (redis: RedisClient) => Promise<void>): Promise<void> {
  const { createRedis } = await import("../redis.ts");
  await using server = await startTestRedis();
  const redis = createRedis({ url: server.url, log });
  try {
    await redis.whenReady(5_000);
    await check(redis);
  } finally {
    await redis.close();
  }
}

Deno.test("MemoryRateLimiter.consume() allows so many in a window that the first request begins", async () => {
  const clock = new FakeClock();
  using _date = fakeDate(clock);
  const limiter = new MemoryRateLimiter({ limit: 2, windowMs: 10_000 });
  await checkLimiter(limiter, (ms) => clock.advance(ms));
});

Deno.test("MemoryRateLimiter.consume() allows less than twice the limit in any time of a window's length", async () => {
  const [limit, windowMs] = [3, 1_000];
  const gaps = fc.array(fc.nat({ max: 700 }), { maxLength: 30 });
  await fc.assert(fc.asyncProperty(gaps, async (gaps) => {
    const clock = new FakeClock();
    using _date = fakeDate(clock);
    const limiter = new MemoryRateLimiter({ limit, windowMs });
    const allowed: number[] = [];
    let [startMs, count] = [-Infinity, 0];
    for (const gap of gaps) {
      await clock.advance(gap);
      if (clock.now() >= startMs + windowMs) [startMs, count] = [clock.now(), 0];
      const result = await limiter.consume("a");
      assert.equal(result.allowed, count++ < limit);
      if (result.allowed) allowed.push(clock.now());
      const recent = allowed.filter((time) => time > clock.now() - windowMs);
      assert.ok(recent.length < 2 * limit, `${recent}`);
    }
  }));
});

Deno.test("MemoryRateLimiter.peek() says what consume() would, and counts nothing", async () => {
  const clock = new FakeClock();
  using _date = fakeDate(clock);
  const limiter = new MemoryRateLimiter({ limit: 1, windowMs: 10_000 });
  assert.deepEqual(await limiter.peek("a"), { allowed: true, remaining: 1, resetMs: 0 });
  assert.equal((await limiter.consume("a")).allowed, true);
  await clock.advance(4_000);
  assert.deepEqual(await limiter.peek("a"), { allowed: false, remaining: 0, resetMs: 6_000 });
  await clock.advance(6_000); // the library's own timer has not fired
  assert.deepEqual(await limiter.peek("a"), { allowed: true, remaining: 1, resetMs: 0 });
});

Deno.test("MemoryRateLimiter forgets the least recent client beyond 10,000", async () => {
  const limiter = new MemoryRateLimiter({ limit: 1, windowMs: 60_000 });
  for (let i = 0; i < 10_000; i++) await limiter.consume(`client-${i}`);
  assert.equal((await limiter.consume("client-0")).allowed, false);
  await limiter.consume("one more");
  assert.equal((await limiter.peek("client-0")).allowed, false);
  assert.equal((await limiter.peek("client-2")).allowed, false);
  assert.equal((await limiter.peek("client-1")).allowed, true);
});

Deno.test({
  name: "RedisRateLimiter.consume() allows so many in a window that the first request begins",
  ...requires("redis-server"),
  fn: () =>
    withRedis(async (redis) => {
      const clock = new FakeClock();
      using _date = fakeDate(clock); // of what is refused from memory
      const limiter = new RedisRateLimiter({ limit: 2, windowMs: 10_000, redis, name: "test" });
      await checkLimiter(limiter, async (ms) => {
        await clock.advance(ms);
        for (const key of await redis.keys("rate-limit:test:*")) {
          await redis.pexpire(key, await redis.pttl(key) - ms);
        }
      });
    }),
});

Deno.test({
  name: "RedisRateLimiter.consume() allows exactly the limit to replicas that ask at once",
  ...requires("redis-server"),
  fn: () =>
    withRedis(async (redis) => {
      const replicas = Array.from(
        { length: 3 },
        () => new RedisRateLimiter({ limit: 20, windowMs: 60_000, redis, name: "shared" }),
      );
      const results = await Promise.all(
        Array.from({ length: 90 }, (_, i) => replicas[i % 3]?.consume("a")),
      );
      assert.equal(results.filter((result) => result?.allowed).length, 20);
      const ttl = await redis.pttl("rate-limit:shared:a");
      assert.ok(ttl > 0 && ttl <= 60_000, "what nobody asks for any more is forgotten");
    }),
});

Deno.test({
  name: "RedisRateLimiter.consume() writes nothing for a client that has used up its limit",
  ...requires("redis-server"),
  fn: () =>
    withRedis(async (redis) => {
      const options = { limit: 2, windowMs: 60_000, redis, name: "quiet" };
      const limiter = new RedisRateLimiter(options);
      for (let i = 0; i < 5; i++) await limiter.consume("a");
      assert.equal(await redis.get("rate-limit:quiet:a"), "2");
      const there = new RedisRateLimiter(options);
      for (let i = 0; i < 5; i++) assert.equal((await there.consume("a")).allowed, false);
      assert.equal(await redis.get("rate-limit:quiet:a"), "3", "each replica learns of it once");
    }),
});

Deno.test({
  name: "RedisRateLimiter.consume() works with a Redis that has forgotten its scripts",
  ...requires("redis-server"),
  fn: () =>
    withRedis(async (redis) => {
      const limiter = new RedisRateLimiter({ limit: 9, windowMs: 60_000, redis, name: "script" });
      assert.equal((await limiter.consume("a")).remaining, 8);
      await redis.script("FLUSH");
      assert.equal((await limiter.consume("a")).remaining, 7);
    }),
});

Deno.test({
  name: "RedisRateLimiter.consume() is refused by a Redis that is away",
  ...requires("redis-server"),
  async fn() {
    const { createRedis } = await import("../redis.ts");
    await using server = await startTestRedis();
    const redis = createRedis({ url: server.url, log });
    try {
      await redis.whenReady(5_000);
      await server.kill();
      const limiter = new RedisRateLimiter({ limit: 1, windowMs: 1_000, redis, name: "away" });
      await assert.rejects(
        limiter.consume("a"),
        (error) => error instanceof Problem && error.type === "store-unavailable",
      );
    } finally {
      await redis.close();
    }
  },
});

Deno.test("rate limiters refuse limits that are not positive integers, and parts of a second", () => {
  const redis = {} as RedisClient;
  for (
    const [limit, windowMs] of [
      [0, 1_000],
      [1.5, 1_000],
      [NaN, 1_000],
      [1, 0],
      [1, -1_000],
      [1, 999], // Redis's counter would never be forgotten
      [1, 1_500],
      [1, Infinity],
    ] as const
  ) {
    const name = "refused";
    assert.throws(() => new MemoryRateLimiter({ limit, windowMs }), RangeError, `${windowMs}`);
    assert.throws(() => new RedisRateLimiter({ limit, windowMs, redis, name }), RangeError);
  }
});
