/**
 * Records in Redis: one hash of JSON texts, one sorted set of ids for the whole list and for each value
 * of each index. Ids sort like their numbers, so a page is a range of a sorted set.
 *
 * @module
 */
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
import { CLAIM, CREATE, LIST, RELEASE, SEED } from "./redis_scripts.ts";

/** What a script answers: a kind, and the record that goes with some kinds. */
type ScriptAnswer = [kind: string, record?: string];

/** An {@linkcode EntityStore} in Redis. */
export class RedisStore<T extends Entity> implements EntityStore<T> {
  readonly #redis: RedisClient;
  readonly #kind: EntityKind<T>;

  constructor(redis: RedisClient, kind: EntityKind<T>) {
    this.#redis = redis;
    this.#kind = kind;
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
    const keys = [this.#key("sequence"), this.#key("records")];
    const { claim } = options;
    const plan = {
      prefix: this.#kind.idPrefix,
      digits: ID_DIGITS,
      lists: this.#lists(draft).map((key) => keys.push(key)),
      claim: claim && {
        key: keys.push(this.#claimKey(claim.key)),
        token: claim.token,
        fingerprint: claim.fingerprint,
        ttlMs: KEY_TTL_MS,
      },
    };
    const [kind, record] = await CREATE.run(this.#redis, keys, [
      JSON.stringify(draft),
      JSON.stringify(plan),
    ]) as ScriptAnswer;
    if (kind === "created") return { kind, entity: JSON.parse(record ?? "") };
    return toConflict(kind, record);
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
    return await SEED.run(this.#redis, keys, [JSON.stringify(rows)]) === 1;
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
