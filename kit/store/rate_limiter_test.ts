// deno-lint-ignore-file no-await-in-loop -- one request after the other is the point
import assert from "node:assert/strict";
import fc from "fast-check";
import { FakeClock } from "../../testing/fake_clock.ts";
import { startTestRedis } from "../../testing/redis.ts";
import { requires } from "../../testing/requires.ts";
import type { Clock } from "../clock.ts";
import { Problem } from "../problem.ts";
import type { RedisClient } from "../redis.ts";
import {
  MemoryRateLimiter,
  type RateLimit,
  type RateLimiter,
  RedisRateLimiter,
} from "./rate_limiter.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };

/** Makes a limiter that has counted nothing. */
type Create = (limit: RateLimit, clock: Clock) => RateLimiter;

async function checkLimiter(create: Create): Promise<void> {
  const clock = new FakeClock();
  const limiter = create({ limit: 2, windowMs: 10_000 }, clock);
  const consume = (client = "a") => limiter.consume(client);
  assert.deepEqual(await consume(), { allowed: true, remaining: 1, resetMs: 10_000 });
  await clock.advance(4_000);
  assert.deepEqual(await consume(), { allowed: true, remaining: 0, resetMs: 6_000 });
  await clock.advance(5_999);
  assert.deepEqual(await consume(), { allowed: false, remaining: 0, resetMs: 1 });
  assert.deepEqual(await consume("b"), { allowed: true, remaining: 1, resetMs: 10_000 });
  await clock.advance(1);
  // The first has left the window, the second has not: one place, not two.
  assert.deepEqual(await consume(), { allowed: true, remaining: 0, resetMs: 4_000 });
  assert.deepEqual(await consume(), { allowed: false, remaining: 0, resetMs: 4_000 });
  await clock.advance(60_000);
  assert.deepEqual(await consume(), { allowed: true, remaining: 1, resetMs: 10_000 });
}

/** No window of the length, wherever it begins, holds more than the limit; and no place is wasted. */
async function checkEveryWindow(create: Create, gaps: readonly number[]): Promise<void> {
  const clock = new FakeClock();
  const [limit, windowMs] = [3, 100];
  const limiter = create({ limit, windowMs }, clock);
  const allowed: number[] = [];
  for (const gap of gaps) {
    await clock.advance(gap);
    const recent = allowed.filter((time) => time > clock.now() - windowMs);
    const result = await limiter.consume("a");
    assert.equal(result.allowed, recent.length < limit);
    if (result.allowed) allowed.push(clock.now());
  }
}

const gaps = fc.array(fc.nat({ max: 120 }), { maxLength: 30 });

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

Deno.test("MemoryRateLimiter.consume() allows so many in any window", async () => {
  const create: Create = (limit, clock) => new MemoryRateLimiter({ ...limit, clock });
  await checkLimiter(create);
  await fc.assert(fc.asyncProperty(gaps, (gaps) => checkEveryWindow(create, gaps)));
});

Deno.test({
  name: "RedisRateLimiter.consume() allows so many in any window",
  ...requires("redis-server"),
  fn: () =>
    withRedis(async (redis) => {
      let name = 0;
      const create: Create = (limit, clock) =>
        new RedisRateLimiter({ ...limit, clock, redis, name: `test-${name++}` });
      await checkLimiter(create);
      const property = fc.asyncProperty(gaps, (gaps) => checkEveryWindow(create, gaps));
      await fc.assert(property, { numRuns: 30 });
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

Deno.test("MemoryRateLimiter forgets the least recent client beyond 10,000", async () => {
  const limiter = new MemoryRateLimiter({ limit: 1, windowMs: 1_000, clock: new FakeClock() });
  for (let i = 0; i < 10_000; i++) await limiter.consume(`client-${i}`);
  assert.equal((await limiter.consume("client-0")).allowed, false);
  await limiter.consume("one more");
  assert.equal((await limiter.consume("client-9999")).allowed, false);
  assert.equal((await limiter.consume("client-0")).allowed, true);
});

Deno.test("rate limiters refuse limits that are not positive integers", () => {
  for (const [limit, windowMs] of [[0, 1], [1, 0], [1.5, 1], [1, -1], [NaN, 1], [1, Infinity]]) {
    assert.throws(
      () => new MemoryRateLimiter({ limit: limit ?? 0, windowMs: windowMs ?? 0 }),
      RangeError,
    );
  }
});
