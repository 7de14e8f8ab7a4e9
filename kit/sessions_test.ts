import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { startTestRedis } from "../testing/redis.ts";
import { requires } from "../testing/requires.ts";
import { Sessions } from "./sessions.ts";
import { MemorySessionStore, RedisSessionStore, type SessionStore } from "./store/session_store.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;

/** Each case with a store that may hold sessions of other cases. */
const CASES: Record<string, (store: SessionStore, clock: FakeClock) => Promise<void>> = {
  async "find() gives what start() started, and nothing else"(store, clock) {
    const sessions = new Sessions({ store, clock });
    const { token, session } = await sessions.start("usr_find");
    assert.match(token, /^[A-Za-z0-9_-]{43}$/); // 256 bits
    assert.deepEqual(session, {
      user: "usr_find",
      createdAtMs: clock.wallNow(),
      idleUntilMs: clock.wallNow() + 30 * MINUTE,
      expiresAtMs: clock.wallNow() + 12 * HOUR,
    });
    assert.deepEqual(await sessions.find(token), session);
    const other = (token.startsWith("A") ? "B" : "A") + token.slice(1);
    for (const wrong of [undefined, "", "x", other, `${token}=`, token.slice(1)]) {
      // deno-lint-ignore no-await-in-loop -- table
      assert.equal(await sessions.find(wrong), undefined);
    }
  },

  async "two sessions of a user have different tokens, and end one by one"(store, clock) {
    const sessions = new Sessions({ store, clock });
    const [a, b] = [await sessions.start("usr_two"), await sessions.start("usr_two")];
    assert.notEqual(a.token, b.token);
    await sessions.end(a.token);
    await sessions.end(undefined);
    await sessions.end("rubbish");
    assert.equal(await sessions.find(a.token), undefined);
    assert.equal((await sessions.find(b.token))?.user, "usr_two");
  },

  async "a session ends when it is not used for the idle time"(store, clock) {
    const sessions = new Sessions({ store, clock });
    const { token } = await sessions.start("usr_idle");
    await clock.advance(30 * MINUTE - 1);
    assert.ok(await sessions.find(token), "still valid, and used now");
    await clock.advance(30 * MINUTE - 1);
    assert.ok(await sessions.find(token));
    await clock.advance(30 * MINUTE);
    assert.equal(await sessions.find(token), undefined);
  },

  async "a session ends after the absolute time however much it is used"(store, clock) {
    const sessions = new Sessions({ store, clock });
    const { token } = await sessions.start("usr_absolute");
    for (let i = 0; i < 12 * 3 - 1; i++) {
      // deno-lint-ignore no-await-in-loop -- time moves step by step
      await clock.advance(20 * MINUTE);
      // deno-lint-ignore no-await-in-loop -- time moves step by step
      assert.ok(await sessions.find(token));
    }
    await clock.advance(20 * MINUTE - 1);
    const last = await sessions.find(token);
    assert.equal(last?.idleUntilMs, last?.expiresAtMs);
    await clock.advance(1);
    assert.equal(await sessions.find(token), undefined);
  },

  async "endAll() ends all sessions of one user, and not later ones"(store, clock) {
    const sessions = new Sessions({ store, clock });
    const elsewhere = new Sessions({ store, clock });
    const mine = await sessions.start("usr_all");
    const alsoMine = await elsewhere.start("usr_all");
    const theirs = await sessions.start("usr_other");
    await sessions.endAll("usr_all");
    assert.equal(await sessions.find(mine.token), undefined);
    assert.equal(await elsewhere.find(alsoMine.token), undefined);
    assert.equal((await sessions.find(theirs.token))?.user, "usr_other");
    const later = await sessions.start("usr_all");
    assert.equal((await elsewhere.find(later.token))?.user, "usr_all");
    await sessions.endAll("usr_all");
    assert.equal(await sessions.find(later.token), undefined);
  },

  async "a use that was under way does not bring back what was ended"(store, clock) {
    const sessions = new Sessions({ store, clock });
    const { token } = await sessions.start("usr_race");
    await clock.advance(10 * MINUTE);
    const ending: SessionStore = Object.create(store, {
      // The session is ended between the look and the note that it was used.
      generation: {
        value: async (user: string) => {
          await sessions.end(token);
          return await store.generation(user);
        },
      },
      get: { value: (key: string) => store.get(key) },
      replace: { value: (...args: Parameters<SessionStore["replace"]>) => store.replace(...args) },
    });
    await new Sessions({ store: ending, clock }).find(token);
    assert.equal(await sessions.find(token), undefined);
  },
};

for (const [name, check] of Object.entries(CASES)) {
  Deno.test(`Sessions in memory: ${name}`, async () => {
    const clock = new FakeClock();
    await check(new MemorySessionStore({ clock }), clock);
  });
}

Deno.test({
  name: "Sessions in Redis",
  ...requires("redis-server"),
  async fn(t) {
    const { createRedis } = await import("./redis.ts");
    await using server = await startTestRedis();
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const redis = createRedis({ url: server.url, log });
    try {
      await redis.whenReady(5_000);
      for (const [name, check] of Object.entries(CASES)) {
        // deno-lint-ignore no-await-in-loop -- steps share a Redis
        await t.step(name, () => check(new RedisSessionStore(redis), new FakeClock()));
      }
      await t.step(
        "no token can be read from the store, and everything in it expires",
        async () => {
          const { token } = await new Sessions({ store: new RedisSessionStore(redis) }).start(
            "usr_1",
          );
          const keys = await redis.keys("*");
          const values = await Promise.all(keys.map((key) => redis.get(key)));
          assert.equal([...keys, ...values].join().includes(token), false);
          const ttls = await Promise.all(keys.map((key) => redis.pttl(key)));
          assert.ok(ttls.length >= 4 && ttls.every((ttl) => ttl > 0 && ttl <= 12 * HOUR));
        },
      );
    } finally {
      await redis.close();
    }
  },
});

Deno.test("Sessions refuses times that cannot be", () => {
  const store = new MemorySessionStore();
  const bad: [number, number][] = [[0, 1], [2, 1], [1, Infinity], [NaN, 1], [-1, 1]];
  for (const [idleMs, absoluteMs] of bad) {
    assert.throws(() => new Sessions({ store, idleMs, absoluteMs }), RangeError);
  }
});

Deno.test("MemorySessionStore forgets the oldest session beyond 10,000", async () => {
  const clock = new FakeClock();
  const sessions = new Sessions({ store: new MemorySessionStore({ clock }), clock });
  const first = await sessions.start("usr_1");
  const second = await sessions.start("usr_1");
  // deno-lint-ignore no-await-in-loop -- the order of the starts is the point
  for (let i = 0; i < 9_999; i++) await sessions.start("usr_1");
  assert.equal(await sessions.find(first.token), undefined);
  assert.ok(await sessions.find(second.token));
});
