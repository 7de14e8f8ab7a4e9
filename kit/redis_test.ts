import assert from "node:assert/strict";
import type { Logger } from "./log.ts";
import type { Problem } from "./problem.ts";
import { startTestRedis } from "../testing/redis.ts";
import { requires } from "../testing/requires.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** ioredis reads the environment when it loads, so only tests that may do so load it. */
function load(): Promise<typeof import("./redis.ts")> {
  return import("./redis.ts");
}

function problemType(error: unknown): string {
  return (error as Problem).type;
}

Deno.test({
  name: "createRedis() fails at once while away and recovers when the server returns",
  ...requires("redis-server"),
  async fn() {
    const { createRedis } = await load();
    await using server = await startTestRedis();
    const redis = createRedis({ url: server.url, log: silent });
    try {
      assert.equal(await redis.incr("n").catch(problemType), "store-unavailable");
      assert.equal(await redis.whenReady(5_000), true);
      assert.equal(await redis.incr("n"), 1);

      await server.stop();
      assert.equal(await redis.incr("n").catch(problemType), "store-unavailable");
      assert.equal(redis.commandQueue.length, 0);

      await server.restart();
      assert.equal(await redis.whenReady(5_000), true);
      assert.equal(await redis.incr("n"), 2);
    } finally {
      await redis.close();
    }
  },
});

Deno.test({
  name: "createRedis() drops a connection whose server hangs and keeps nothing waiting",
  ...requires("redis-server"),
  async fn() {
    const { createRedis } = await load();
    await using server = await startTestRedis();
    const redis = createRedis({ url: server.url, log: silent, deadlineMs: 200 });
    try {
      assert.equal(await redis.whenReady(5_000), true);
      await server.kill("SIGSTOP");
      const answers = [1, 2, 3].map(() => redis.incr("n").catch(problemType));
      assert.deepEqual(await Promise.all(answers), Array(3).fill("store-unavailable"));
      assert.equal(redis.commandQueue.length <= 1, true, "only a handshake may be waiting");
      await server.kill("SIGCONT");
      assert.equal(await redis.whenReady(5_000), true);
    } finally {
      await redis.close();
    }
  },
});

Deno.test({
  name: "createRedis() gets its answer when the event loop was blocked past the deadline",
  ...requires("redis-server"),
  async fn() {
    const { createRedis } = await load();
    await using server = await startTestRedis();
    const redis = createRedis({ url: server.url, log: silent, deadlineMs: 100 });
    try {
      assert.equal(await redis.whenReady(5_000), true);
      const answer = redis.incr("n");
      await new Promise((resolve) => setTimeout(resolve, 0));
      const end = performance.now() + 400;
      while (performance.now() < end);
      assert.equal(await answer, 1);
    } finally {
      await redis.close();
    }
  },
});

Deno.test({
  name: "toProblem() leaves mistakes of ours alone and names a server that cannot serve",
  ...requires("redis-server"),
  async fn() {
    const { createRedis, toProblem } = await load();
    await using server = await startTestRedis();
    const redis = createRedis({ url: server.url, log: silent });
    try {
      await redis.whenReady(5_000);
      await assert.rejects(redis.call("nonsense"), { name: "ReplyError" });
      // maxmemory 1 makes every write an OOM error.
      await redis.config("SET", "maxmemory", "1");
      assert.equal(await redis.set("a", "b").catch(problemType), "store-unavailable");
      assert.equal(toProblem("text"), "text");
      assert.throws(() => redis.duplicate(), TypeError);
    } finally {
      await redis.close();
    }
    assert.equal(await redis.whenReady(5_000), false);
  },
});
