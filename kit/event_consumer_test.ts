// deno-lint-ignore-file no-await-in-loop -- the order of steps is what is tested
import assert from "node:assert/strict";
import { z } from "zod";
import { startTestRedis, type TestRedis } from "../testing/redis.ts";
import { pause } from "../testing/pause.ts";
import { requires } from "../testing/requires.ts";
import { until } from "../testing/until.ts";
import { systemClock } from "./clock.ts";
import type { EventConsumer, EventConsumerOptions, EventRef } from "./event_consumer.ts";
import { Problem } from "./problem.ts";
import type { RedisClient } from "./redis.ts";
import { RedisStore } from "./store/redis_store.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };
const numberSchema = z.object({ n: z.int() });
type Numbered = z.infer<typeof numberSchema>;

interface Bench {
  server: TestRedis;
  redis: RedisClient;
  add(...numbers: (number | string)[]): Promise<void>;
  start(options: Partial<EventConsumerOptions<Numbered>>): EventConsumer;
  /** Acknowledges as an effect would. */
  done(ref: EventRef): Promise<"done">;
}

function test(name: string, fn: (bench: Bench) => Promise<void>): void {
  Deno.test({
    name,
    ...requires("redis-server"),
    async fn() {
      const { createRedis } = await import("./redis.ts");
      const { consumeEvents } = await import("./event_consumer.ts");
      await using server = await startTestRedis();
      const redis = createRedis({ url: server.url, log });
      await redis.whenReady(5_000);
      const consumers: EventConsumer[] = [];
      async function done({ stream, group, entry }: EventRef): Promise<"done"> {
        await redis.multi().xack(stream, group, entry).xdel(stream, entry).exec();
        return "done";
      }
      try {
        await fn({
          server,
          redis,
          done,
          async add(...numbers) {
            for (const n of numbers) {
              const event = typeof n === "string" ? n : JSON.stringify({ n });
              await redis.xadd("s", "*", "event", event);
            }
          },
          start(options) {
            const consumer = consumeEvents<Numbered>({
              url: server.url,
              stream: "s",
              group: "g",
              consumer: "one",
              schema: numberSchema,
              handle: (_, ref) => done(ref),
              log,
              staleMs: 60,
              ...options,
            });
            consumers.push(consumer);
            return consumer;
          },
        });
      } finally {
        await Promise.all(consumers.map((consumer) => consumer.close()));
        await redis.close();
      }
    },
  });
}

async function isEmpty(redis: RedisClient): Promise<boolean> {
  return await redis.xlen("s") === 0;
}

test("consumeEvents() shares events among a group and leaves an empty stream", async (bench) => {
  const { redis, add, start, done } = bench;
  const seen: number[] = [];
  await add(1, 2, 3);
  for (const consumer of ["one", "two"]) {
    start({
      consumer,
      handle: (event, ref) => {
        seen.push(event.n);
        return event.n % 2 ? done(ref) : Promise.resolve("ignored");
      },
    });
  }
  await add(4, 5, 6, 7);
  await until("all events", () => isEmpty(redis));
  assert.deepEqual(seen.toSorted(), [1, 2, 3, 4, 5, 6, 7]);
});

test("consumeEvents() takes over what a killed consumer left", async (bench) => {
  const { redis, add, start, done } = bench;
  await redis.xgroup("CREATE", "s", "g", "0", "MKSTREAM");
  await add(1, 2);
  // Delivered to somebody who never acknowledges.
  await redis.xreadgroup("GROUP", "g", "dead", "STREAMS", "s", ">");
  const seen: number[] = [];
  start({
    handle: (event, ref) => {
      seen.push(event.n);
      return done(ref);
    },
  });
  await until("all events", () => isEmpty(redis));
  assert.deepEqual(seen, [1, 2]);
});

test("consumeEvents() gives an event up after so many failures, and keeps it", async (bench) => {
  const { redis, add, start } = bench;
  const tries = new Map<number, number>();
  await add("no JSON", 1);
  start({
    maxFailures: 3,
    handle: ({ n }) => {
      tries.set(n, (tries.get(n) ?? 0) + 1);
      throw new Error("cannot");
    },
  });
  await until("both to be given up", () => isEmpty(redis));
  assert.equal(tries.get(1), 3);
  const dead = await redis.xrange("s:dead", "-", "+");
  const events = dead.map(([, fields]) => fields[fields.indexOf("event") + 1]);
  assert.deepEqual(events.toSorted(), ["no JSON", '{"n":1}']);
  assert.deepEqual((await redis.xpending("s", "g"))[0], 0);
});

test("consumeEvents() does not give an event up because the store was away", async (bench) => {
  const { redis, add, start, done } = bench;
  let tries = 0;
  await add(1);
  start({
    maxFailures: 1,
    handle: (_, ref) => {
      if (++tries < 6) throw new Problem("store-unavailable");
      return done(ref);
    },
  });
  await until("the event", () => isEmpty(redis));
  assert.equal(tries, 6);
  assert.equal(await redis.exists("s:dead"), 0);
});

test("consumeEvents() takes over a long backlog without waiting between batches", async (bench) => {
  const { redis, add, start, done } = bench;
  await redis.xgroup("CREATE", "s", "g", "0", "MKSTREAM");
  await add(...Array.from({ length: 50 }, (_, n) => n));
  await redis.xreadgroup("GROUP", "g", "dead", "STREAMS", "s", ">");
  await pause(300);
  const seen: number[] = [];
  start({
    batch: 5,
    staleMs: 300,
    // It stands still: the time for another look at the usual interval never comes.
    clock: { ...systemClock, now: () => 0 },
    handle: (event, ref) => {
      seen.push(event.n);
      return done(ref);
    },
  });
  await until("all events", () => isEmpty(redis));
  assert.equal(seen.length, 50);
});

test("consumeEvents() does not give an event up because its consumers were killed, unless that goes on", async (bench) => {
  const { redis, add, start, done } = bench;
  await redis.xgroup("CREATE", "s", "g", "0", "MKSTREAM");
  await add(1, 2);
  await redis.xreadgroup("GROUP", "g", "killed", "STREAMS", "s", ">");
  const pending = await redis.xpending("s", "g", "-", "+", 2) as [string][];
  const [first = "", second = ""] = pending.map(([id]) => id);
  for (let n = 0; n < 18; n++) await redis.xclaim("s", "g", "killed", 0, first, second);
  await redis.xclaim("s", "g", "killed", 0, second);
  const seen: number[] = [];
  start({
    maxFailures: 2,
    handle: (event, ref) => {
      seen.push(event.n);
      return done(ref);
    },
  });
  await until("both to be done with", () => isEmpty(redis));
  assert.deepEqual(
    seen,
    [1],
    "the first for the 20th time; the second had been delivered so often already",
  );
  assert.equal(await redis.xlen("s:dead"), 1);
});

test("consumeEvents() goes on after Redis restarted, and after it lost everything", async (bench) => {
  const { server, redis, add, start } = bench;
  start({});
  await add(1);
  await until("the first event", () => isEmpty(redis));
  await server.kill();
  await server.restart();
  await redis.whenReady(5_000);
  await add(2);
  await until("the event after the restart", () => isEmpty(redis));
  await redis.flushall();
  await add(3);
  await until("the event after the loss", () => isEmpty(redis));
});

test("EventConsumer.close() leaves the group unless it still holds events", async (bench) => {
  const { redis, add, start } = bench;
  const names = async () => {
    const consumers = await redis.xinfo("CONSUMERS", "s", "g") as string[][];
    return consumers.map((info) => info[1]);
  };
  const clean = start({ consumer: "clean" });
  await add(1);
  await until("the event", () => isEmpty(redis));
  await clean.close();
  assert.deepEqual(await names(), []);
  const holding = start({
    consumer: "holding",
    staleMs: 60_000,
    handle: () => Promise.reject(new Error("cannot")),
  });
  await add(2);
  await until("delivery", async () => (await redis.xpending("s", "g"))[0] === 1);
  await holding.close();
  assert.deepEqual(await names(), ["holding"]);
});

interface Note {
  id: string;
  text: string;
}

const noteKind = { name: "notes", idPrefix: "note_", indexes: {} };

test("RedisStore.createFrom() has one effect, however often the event is delivered", async (bench) => {
  const { redis } = bench;
  const store = new RedisStore<Note>(redis, noteKind, { publishTo: "notes:events" });
  await redis.xgroup("CREATE", "s", "g", "0", "MKSTREAM");
  const entry = await redis.xadd("s", "*", "event", "{}") ?? "";
  await redis.xreadgroup("GROUP", "g", "one", "STREAMS", "s", ">");
  const cause = { stream: "s", group: "g", entry };
  const calls = Array.from(
    { length: 5 },
    () => store.createFrom({ text: "a" }, { cause, once: "order:1" }),
  );
  assert.deepEqual((await Promise.all(calls)).filter(Boolean), [true]);
  assert.equal((await store.list({ limit: 5 })).items.length, 1);
  assert.equal(await redis.xlen("notes:events"), 1);
  assert.equal(await redis.xlen("s"), 0);
  assert.equal((await redis.xpending("s", "g"))[0], 0);
});

test("RedisStore.changeFrom() loses no change that another makes at the same time", async (bench) => {
  const { redis } = bench;
  const store = new RedisStore<Note>(redis, noteKind);
  const created = await store.create({ text: "" });
  if (created.kind !== "created") return assert.fail();
  const { id } = created.entity;
  const cause = { stream: "s", group: "g", entry: "1-1" };
  const letters = [..."abcdefgh"];
  const changes = letters.map((letter) =>
    store.changeFrom(id, (note) => ({ ...note, text: note.text + letter }), cause)
  );
  assert.ok((await Promise.all(changes)).every(Boolean));
  assert.deepEqual([...(await store.get(id))?.text ?? ""].toSorted(), letters);
  assert.equal(await store.changeFrom("note_9", (note) => note, cause), false);
});

test("RedisStore.create() refuses when too many events wait, and keeps nothing", async (bench) => {
  const { redis } = bench;
  const store = new RedisStore<Note>(redis, noteKind, { publishTo: "notes:events", maxUnread: 2 });
  await store.create({ text: "a" });
  await store.create({ text: "b" });
  await assert.rejects(store.create({ text: "c" }), { type: "overloaded", status: 503 });
  assert.equal((await store.list({ limit: 5 })).items.length, 2);
  await redis.xtrim("notes:events", "MAXLEN", 1);
  assert.equal((await store.create({ text: "c" })).kind, "created");
});
