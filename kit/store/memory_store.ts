/**
 * Records in this process only. For tests, and for `--store memory`, which shows what goes wrong when
 * replicas do not share their state.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
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
  KEY_TTL_MS,
  type KeyConflict,
  type ListOptions,
  type Page,
} from "./entity_store.ts";

interface KeyRecord {
  fingerprint: string;
  /** Whoever may still use the key; gone once it was used. */
  token: string | undefined;
  /** What was created with it, as JSON. */
  answer: string | undefined;
  expiresMs: number;
}

/** An {@linkcode EntityStore} in memory. Entities go in and out as JSON, so that nobody shares them. */
export class MemoryStore<T extends Entity> implements EntityStore<T> {
  readonly #kind: EntityKind<T>;
  readonly #clock: Clock;
  readonly #records = new Map<string, string>();
  /** Ids in order of creation, for all and by index and value. */
  readonly #lists = new Map<string, string[]>();
  readonly #keys = new Map<string, KeyRecord>();

  constructor(kind: EntityKind<T>, options: { clock?: Clock } = {}) {
    this.#kind = kind;
    this.#clock = options.clock ?? systemClock;
  }

  get(id: string): Promise<T | undefined> {
    const record = this.#records.get(id);
    return Promise.resolve(record === undefined ? undefined : JSON.parse(record));
  }

  list({ limit, after, where }: ListOptions): Promise<Page<T>> {
    const ids = this.#lists.get(listKey(where)) ?? [];
    let end = ids.length;
    if (after !== undefined) {
      end = ids.findLastIndex((id) => id < after) + 1;
    }
    const start = Math.max(0, end - limit);
    const page = ids.slice(start, end).reverse();
    const items = page.map((id) => JSON.parse(this.#records.get(id) ?? "null") as T);
    const last = page.at(-1);
    return Promise.resolve(start > 0 && last !== undefined ? { items, next: last } : { items });
  }

  create(draft: Draft<T>, options: CreateOptions = {}): Promise<CreateResult<T>> {
    const { claim } = options;
    const known = claim && this.#findKey(claim.key);
    if (claim && known && known.token !== claim.token) {
      return Promise.resolve(conflict(known, claim.fingerprint));
    }
    const record = this.#add(draft);
    if (claim) {
      this.#keys.delete(claim.key);
      this.#keys.set(claim.key, {
        fingerprint: claim.fingerprint,
        token: undefined,
        answer: record,
        expiresMs: this.#clock.now() + KEY_TTL_MS,
      });
    }
    return Promise.resolve({ kind: "created", entity: JSON.parse(record) });
  }

  claim(key: string, fingerprint: string): Promise<ClaimResult<T>> {
    const known = this.#findKey(key);
    if (known) return Promise.resolve(conflict(known, fingerprint));
    const token = crypto.randomUUID();
    const expiresMs = this.#clock.now() + CLAIM_LEASE_MS;
    this.#keys.set(key, { fingerprint, token, answer: undefined, expiresMs });
    return Promise.resolve({ kind: "claimed", claim: { key, fingerprint, token } });
  }

  release(claim: Claim): Promise<void> {
    if (this.#keys.get(claim.key)?.token === claim.token) this.#keys.delete(claim.key);
    return Promise.resolve();
  }

  seed(drafts: readonly Draft<T>[]): Promise<boolean> {
    if (this.#records.size > 0) return Promise.resolve(false);
    for (const draft of drafts) this.#add(draft);
    return Promise.resolve(true);
  }

  #add(draft: Draft<T>): string {
    const id = formatId(this.#kind.idPrefix, this.#records.size + 1);
    const record = JSON.stringify({ id, ...draft });
    this.#records.set(id, record);
    this.#append(listKey(undefined), id);
    for (const [index, valueOf] of Object.entries(this.#kind.indexes)) {
      const value = valueOf(draft);
      if (value !== undefined) this.#append(listKey({ index, value }), id);
    }
    return record;
  }

  #append(key: string, id: string): void {
    const ids = this.#lists.get(key);
    if (ids) ids.push(id);
    else this.#lists.set(key, [id]);
  }

  #findKey(key: string): KeyRecord | undefined {
    const now = this.#clock.now();
    // Oldest first: this keeps the map from growing for ever.
    for (const [name, record] of this.#keys) {
      if (record.expiresMs > now) break;
      this.#keys.delete(name);
    }
    const record = this.#keys.get(key);
    if (record && record.expiresMs <= now) {
      this.#keys.delete(key);
      return undefined;
    }
    return record;
  }
}

function listKey(where: ListOptions["where"]): string {
  return where ? `${where.index}:${where.value}` : "";
}

function conflict<T>(known: KeyRecord, fingerprint: string): KeyConflict<T> {
  if (known.fingerprint !== fingerprint) return { kind: "reused" };
  if (known.answer === undefined) return { kind: "in-progress" };
  return { kind: "replayed", entity: JSON.parse(known.answer) };
}
