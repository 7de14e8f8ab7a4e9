// deno-lint-ignore-file no-await-in-loop -- the order of steps is what is tested
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Clock } from "../clock.ts";
import { FakeClock } from "../../testing/fake_clock.ts";
import { startTestRedis } from "../../testing/redis.ts";
import { requires } from "../../testing/requires.ts";
import {
  CLAIM_LEASE_MS,
  type EntityKind,
  type EntityStore,
  formatId,
  KEY_TTL_MS,
} from "./entity_store.ts";
import { MemoryStore } from "./memory_store.ts";
import { RedisStore } from "./redis_store.ts";

interface Note {
  id: string;
  owner: string;
  text: string;
}

/** Makes an empty store, and lets time pass in it. */
interface Bench {
  open(): { store: EntityStore<Note>; elapse(ms: number): Promise<void> };
}

let names = 0;
/** A kind of its own for each test, so that all can share one server. */
function noteKind(): EntityKind<Note> {
  return { name: `notes${++names}`, idPrefix: "note_", indexes: { owner: ({ owner }) => owner } };
}

function openMemory(): ReturnType<Bench["open"]> {
  const clock = new FakeClock();
  const store = new MemoryStore<Note>(noteKind(), { clock: clock satisfies Clock });
  return { store, elapse: (ms) => clock.advance(ms) };
}

async function idOf(created: ReturnType<EntityStore<Note>["create"]>): Promise<string> {
  const result = await created;
  assert.equal(result.kind, "created");
  return result.kind === "created" ? result.entity.id : "";
}

async function walk(store: EntityStore<Note>, limit: number, owner?: string): Promise<string[]> {
  const where = owner === undefined ? undefined : { index: "owner", value: owner };
  const ids: string[] = [];
  let after: string | undefined;
  do {
    const page = await store.list({ limit, after, where });
    assert.ok(page.items.length <= limit);
    ids.push(...page.items.map(({ id }) => id));
    after = page.next;
  } while (after !== undefined);
  return ids;
}

/** What every store must do. */
const CONTRACT: Record<string, (bench: Bench) => Promise<void>> = {
  async "create() gives ids that sort by creation, get() finds what was stored"({ open }) {
    const { store } = open();
    const ids: string[] = [];
    for (let i = 0; i < 12; i++) {
      ids.push(await idOf(store.create({ owner: "ann", text: `"${i}"\n\u{1f600}\ud800` })));
    }
    assert.deepEqual(ids, ids.toSorted());
    assert.equal(new Set(ids).size, 12);
    assert.deepEqual(await store.get(ids[3] ?? ""), {
      id: ids[3],
      owner: "ann",
      text: '"3"\n\u{1f600}\ud800',
    });
    assert.equal(await store.get("note_999999999999"), undefined);
    assert.equal(await store.get("__proto__"), undefined);
  },

  async "list() pages newest first through everything, and through one value of an index"(
    { open },
  ) {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("ann", "bob", "é:*[\u{1f600}"), { maxLength: 25 }),
        fc.integer({ min: 1, max: 9 }),
        async (owners, limit) => {
          const { store } = open();
          const all: { id: string; owner: string }[] = [];
          for (const owner of owners) {
            all.unshift({ id: await idOf(store.create({ owner, text: "" })), owner });
          }
          assert.deepEqual(await walk(store, limit), all.map(({ id }) => id));
          const bobs = all.filter(({ owner }) => owner === "bob").map(({ id }) => id);
          assert.deepEqual(await walk(store, limit, "bob"), bobs);
          assert.deepEqual(await walk(store, limit, "nobody"), []);
        },
      ),
      { numRuns: 25 },
    );
  },

  async "list() is not disturbed by what is created while it is walked"({ open }) {
    const { store } = open();
    for (let i = 0; i < 4; i++) await idOf(store.create({ owner: "ann", text: "" }));
    const first = await store.list({ limit: 2 });
    await idOf(store.create({ owner: "ann", text: "late" }));
    const second = await store.list({ limit: 2, after: first.next });
    assert.deepEqual([...first.items, ...second.items].map(({ id }) => id), [
      formatId("note_", 4),
      formatId("note_", 3),
      formatId("note_", 2),
      formatId("note_", 1),
    ]);
    assert.equal(second.next, undefined);
  },

  async "list() continues after an id that does not exist"({ open }) {
    const { store } = open();
    for (let i = 0; i < 3; i++) await idOf(store.create({ owner: "ann", text: "" }));
    const page = await store.list({ limit: 5, after: `${formatId("note_", 2)}x` });
    assert.deepEqual(page.items.map(({ id }) => id), [formatId("note_", 2), formatId("note_", 1)]);
    assert.deepEqual(await store.list({ limit: 5, after: "note_" }), { items: [] });
  },

  async "claim() lets one of many carry a request out, and all get its answer"({ open }) {
    const { store } = open();
    const claims = await Promise.all(Array.from({ length: 10 }, () => store.claim("k", "print")));
    const won = claims.filter((result) => result.kind === "claimed");
    assert.equal(won.length, 1);
    assert.equal(claims.filter(({ kind }) => kind === "in-progress").length, 9);
    const claim = won[0]?.claim;
    const created = await store.create({ owner: "ann", text: "x" }, { claim });
    assert.equal(created.kind, "created");
    const replayed = { ...created, kind: "replayed" };
    assert.deepEqual(await store.claim("k", "print"), replayed);
    assert.deepEqual(await store.create({ owner: "ann", text: "x" }, { claim }), replayed);
    assert.deepEqual(await store.claim("k", "other"), { kind: "reused" });
    assert.equal((await walk(store, 5)).length, 1);
  },

  async "claim() tells another request with the same key apart while the first is in progress"(
    { open },
  ) {
    const { store } = open();
    await store.claim("k", "print");
    assert.deepEqual(await store.claim("k", "other"), { kind: "reused" });
    assert.equal((await store.claim("k2", "other")).kind, "claimed");
  },

  async "release() frees the key at once, but only for whoever holds it"({ open }) {
    const { store } = open();
    const first = await store.claim("k", "print");
    assert.equal(first.kind, "claimed");
    if (first.kind !== "claimed") return;
    await store.release({ ...first.claim, token: "another" });
    assert.equal((await store.claim("k", "print")).kind, "in-progress");
    await store.release(first.claim);
    assert.equal((await store.claim("k", "print")).kind, "claimed");
    const used = await store.claim("k3", "print");
    if (used.kind !== "claimed") assert.fail();
    await store.create({ owner: "ann", text: "" }, { claim: used.claim });
    await store.release(used.claim);
    assert.equal((await store.claim("k3", "print")).kind, "replayed");
  },

  async "claim() runs out, and who comes too late creates nothing"({ open }) {
    const { store, elapse } = open();
    const late = await store.claim("k", "print");
    await elapse(CLAIM_LEASE_MS + 1);
    const second = await store.claim("k", "print");
    if (late.kind !== "claimed" || second.kind !== "claimed") return assert.fail();
    const tooLate = await store.create({ owner: "ann", text: "" }, { claim: late.claim });
    assert.deepEqual(tooLate, { kind: "in-progress" });
    const created = await store.create({ owner: "ann", text: "" }, { claim: second.claim });
    assert.equal(created.kind, "created");
    assert.deepEqual(await store.create({ owner: "ann", text: "" }, { claim: late.claim }), {
      ...created,
      kind: "replayed",
    });
    assert.equal((await walk(store, 5)).length, 1);
    await elapse(KEY_TTL_MS + 1);
    assert.equal((await store.claim("k", "other")).kind, "claimed");
  },

  async "seed() fills an empty store once, whoever tries at the same time"({ open }) {
    const { store } = open();
    const drafts = Array.from({ length: 250 }, (_, i) => ({ owner: `o${i % 3}`, text: `${i}` }));
    const filled = await Promise.all([store.seed(drafts), store.seed(drafts), store.seed(drafts)]);
    assert.equal(filled.filter(Boolean).length, 1);
    assert.equal(await store.seed(drafts), false);
    assert.deepEqual(await store.get(formatId("note_", 2)), {
      id: formatId("note_", 2),
      owner: "o1",
      text: "1",
    });
    assert.equal((await walk(store, 100)).length, 250);
    assert.equal((await walk(store, 100, "o1")).length, 83);
    assert.equal(await idOf(store.create({ owner: "ann", text: "" })), formatId("note_", 251));
  },

  async "seed() leaves a store alone that was written to"({ open }) {
    const { store } = open();
    await idOf(store.create({ owner: "ann", text: "" }));
    assert.equal(await store.seed([{ owner: "bob", text: "" }]), false);
    assert.equal((await walk(store, 5)).length, 1);
  },
};

for (const [title, check] of Object.entries(CONTRACT)) {
  Deno.test(`MemoryStore.${title}`, () => check({ open: openMemory }));
}

Deno.test({
  name: "RedisStore keeps the contract of stores",
  ...requires("redis-server"),
  async fn(t) {
    const { createRedis } = await import("../redis.ts");
    await using server = await startTestRedis();
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const redis = createRedis({ url: server.url, log });
    await redis.whenReady(5_000);
    /** Redis has its own clock: what would expire by then is made to expire now. */
    async function elapse(ms: number): Promise<void> {
      for (const key of await redis.keys("*:key:*")) {
        const left = await redis.pttl(key);
        if (left >= 0 && left <= ms) await redis.del(key);
      }
    }
    try {
      const bench: Bench = { open: () => ({ store: new RedisStore(redis, noteKind()), elapse }) };
      for (const [title, check] of Object.entries(CONTRACT)) {
        await t.step(title, () => check(bench));
      }
      await t.step("Redis keeps working when the server forgot the scripts", async () => {
        const { store } = bench.open();
        await redis.script("FLUSH");
        await idOf(store.create({ owner: "ann", text: "" }));
        assert.equal((await walk(store, 5)).length, 1);
      });
      await t.step("what was acknowledged is there after the server was shut down", async () => {
        const kind = noteKind();
        const id = await idOf(new RedisStore(redis, kind).create({ owner: "ann", text: "kept" }));
        await server.restart();
        await redis.whenReady(5_000);
        assert.equal((await new RedisStore(redis, kind).get(id))?.text, "kept");
      });
    } finally {
      await redis.close();
    }
  },
});
