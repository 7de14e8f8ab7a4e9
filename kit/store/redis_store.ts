/**
 * Records in Redis: one hash of JSON texts, one sorted set of ids for the whole list and for each value
 * of each index. Ids sort like their numbers, so a page is a range of a sorted set.
 *
 * @module
 */
import type { EventRef } from "../event_consumer.ts";
import { Problem } from "../problem.ts";
import type { RedisClient } from "../redis.ts";
import {
  type Claim,
  CLAIM_LEASE_MS,
  type ClaimResult,
  type CreateOptions,
  type CreateResult,
  type Draft,
  type Entity,
  type EntityKind,
  type EntityStore,
  formatId,
  ID_DIGITS,
  KEY_TTL_MS,
  type KeyConflict,
  type ListOptions,
  type Page,
} from "./entity_store.ts";
import { CLAIM, CREATE, LIST, RELEASE, REPLACE, SEED } from "./redis_scripts.ts";

/** What a script answers: a kind, and the record that goes with some kinds. */
type ScriptAnswer = [kind: string, record?: string];

/** Options of {@linkcode RedisStore}. */
export interface RedisStoreOptions {
  /** Stream to which every created record is added, in the same step. Seed data is not. */
  publishTo?: string | undefined;
  /**
   * Events that may wait there for their consumer; beyond it nothing is created, because an event must
   * not be lost and Redis's memory has an end.
   *
   * @default 100_000
   */
  maxUnread?: number;
}

/** What {@linkcode RedisStore.createFrom} is told of the event behind a creation. */
export interface CreateFromOptions {
  /** The event; acknowledged in the same step. */
  cause: EventRef;
  /** What happens at most once, whatever is delivered how often. */
  once: string;
}

/** An {@linkcode EntityStore} in Redis. */
export class RedisStore<T extends Entity> implements EntityStore<T> {
  readonly #redis: RedisClient;
  readonly #kind: EntityKind<T>;
  readonly #publishTo: string | undefined;
  readonly #maxUnread: number;

  constructor(redis: RedisClient, kind: EntityKind<T>, options: RedisStoreOptions = {}) {
    this.#redis = redis;
    this.#kind = kind;
    this.#publishTo = options.publishTo;
    this.#maxUnread = options.maxUnread ?? 100_000;
  }

  async get(id: string): Promise<T | undefined> {
    const record = await this.#redis.hget(this.#key("records"), id);
    return record === null ? undefined : JSON.parse(record);
  }

  async list({ limit, after, where }: ListOptions): Promise<Page<T>> {
    const list = where ? this.#listKey(where.index, where.value) : this.#key("all");
    const end = after === undefined ? "+" : `(${after}`;
    // One more than asked for tells whether there is a next page.
    const records = await LIST.run(this.#redis, [list, this.#key("records")], [
      end,
      limit + 1,
    ]) as string[];
    const items = records.slice(0, limit).map((record) => JSON.parse(record) as T);
    const last = items.at(-1);
    return records.length > limit && last ? { items, next: last.id } : { items };
  }

  async create(draft: Draft<T>, options: CreateOptions = {}): Promise<CreateResult<T>> {
    const [kind, record] = await this.#create(draft, options);
    if (kind === "created") return { kind, entity: JSON.parse(record ?? "") };
    return toConflict(kind, record);
  }

  /**
   * Creates what an event asks for, unless that was done before, and acknowledges the event: all in
   * one step, so that a consumer may be killed at any time and the event delivered any number of times.
   *
   * @returns whether this call created it
   */
  async createFrom(draft: Draft<T>, options: CreateFromOptions): Promise<boolean> {
    const [kind] = await this.#create(draft, options);
    return kind === "created";
  }

  /**
   * Changes an entity as an event asks, and acknowledges the event in the same step. `change` must not
   * touch what an index is made from, and give the same when it is applied again.
   *
   * @returns whether there is such an entity; if not, the event is not acknowledged
   */
  async changeFrom(id: string, change: (entity: T) => T, cause: EventRef): Promise<boolean> {
    for (;;) {
      // deno-lint-ignore no-await-in-loop -- again when somebody else changed it meanwhile
      const old = await this.#redis.hget(this.#key("records"), id);
      if (old === null) return false;
      // deno-lint-ignore no-await-in-loop -- again when somebody else changed it meanwhile
      const replaced = await REPLACE.run(this.#redis, [this.#key("records"), cause.stream], [
        id,
        old,
        JSON.stringify(change(JSON.parse(old))),
        cause.group,
        cause.entry,
        this.#kind.name,
      ]);
      if (replaced === 1) return true;
    }
  }

  async claim(key: string, fingerprint: string): Promise<ClaimResult<T>> {
    const token = crypto.randomUUID();
    const [kind, record] = await CLAIM.run(this.#redis, [this.#claimKey(key)], [
      fingerprint,
      token,
      CLAIM_LEASE_MS,
    ]) as ScriptAnswer;
    if (kind === "claimed") return { kind, claim: { key, fingerprint, token } };
    return toConflict(kind, record);
  }

  async release(claim: Claim): Promise<void> {
    await RELEASE.run(this.#redis, [this.#claimKey(claim.key)], [claim.token]);
  }

  async seed(drafts: readonly Draft<T>[]): Promise<boolean> {
    // Asked first, because what follows is large.
    if (await this.#redis.exists(this.#key("sequence"))) return false;
    const keys = [this.#key("sequence"), this.#key("records")];
    const positions = new Map<string, number>();
    const rows = drafts.map((draft, i) => {
      const id = formatId(this.#kind.idPrefix, i + 1);
      const lists = this.#lists(draft).map((key) => {
        const position = positions.get(key) ?? keys.push(key);
        positions.set(key, position);
        return position;
      });
      return [id, JSON.stringify({ id, ...draft }), lists];
    });
    return await SEED.run(this.#redis, keys, [JSON.stringify(rows), this.#kind.name]) === 1;
  }

  async #create(
    draft: Draft<T>,
    options: CreateOptions & Partial<CreateFromOptions>,
  ): Promise<ScriptAnswer> {
    const { claim, once, cause } = options;
    const keys = [this.#key("sequence"), this.#key("records")];
    const plan = {
      kind: this.#kind.name,
      prefix: this.#kind.idPrefix,
      digits: ID_DIGITS,
      lists: this.#lists(draft).map((key) => keys.push(key)),
      claim: claim && {
        key: keys.push(this.#claimKey(claim.key)),
        token: claim.token,
        fingerprint: claim.fingerprint,
        ttlMs: KEY_TTL_MS,
      },
      once: once === undefined ? undefined : { key: keys.push(this.#key("once")), name: once },
      cause: cause && { key: keys.push(cause.stream), group: cause.group, entry: cause.entry },
      outbox: this.#publishTo === undefined
        ? undefined
        : { key: keys.push(this.#publishTo), limit: this.#maxUnread },
    };
    const args = [JSON.stringify(draft), JSON.stringify(plan)];
    const answer = await CREATE.run(this.#redis, keys, args) as ScriptAnswer;
    if (answer[0] !== "full") return answer;
    throw new Problem("overloaded", {
      detail: "Too many events wait to be read",
      headers: { "retry-after": "5" },
    });
  }

  #key(part: string): string {
    return `${this.#kind.name}:${part}`;
  }

  #listKey(index: string, value: string): string {
    return this.#key(`by-${index}:${value}`);
  }

  #claimKey(key: string): string {
    return this.#key(`key:${key}`);
  }

  #lists(draft: Draft<T>): string[] {
    const lists = [this.#key("all")];
    for (const [index, valueOf] of Object.entries(this.#kind.indexes)) {
      const value = valueOf(draft);
      if (value !== undefined) lists.push(this.#listKey(index, value));
    }
    return lists;
  }
}

function toConflict<T>(kind: string, record: string | undefined): KeyConflict<T> {
  if (kind === "replayed") return { kind, entity: JSON.parse(record ?? "") };
  if (kind === "in-progress" || kind === "reused") return { kind };
  throw new TypeError(`Cannot read the answer of a script: kind must be known, received "${kind}"`);
}
