/**
 * Where sessions are kept: in Redis, which all replicas share, or in this process, which shows why one
 * wants Redis. Neither knows when a session ends; `kit/sessions.ts` does.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import type { RedisClient } from "../redis.ts";

/** What is kept of a session. */
export interface SessionRecord {
  user: string;
  /** The user's generation at login; the session ends when the user's moves on. */
  generation: number;
  /** Milliseconds since the epoch. */
  createdAtMs: number;
  lastSeenAtMs: number;
}

/** Keeps session records by key. Every method may throw {@linkcode Problem} `store-unavailable`. */
export interface SessionStore {
  /** Keeps a new record for `ttlMs`, and its user's generation at least as long. */
  put(key: string, record: SessionRecord, ttlMs: number): Promise<void>;
  get(key: string): Promise<SessionRecord | undefined>;
  /** Replaces a record that is still there: what was deleted meanwhile does not come back. */
  replace(key: string, record: SessionRecord, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
  /** The user's generation; 0 at first. */
  generation(user: string): Promise<number>;
  /** Moves the user to the next generation and keeps it for `ttlMs`. */
  nextGeneration(user: string, ttlMs: number): Promise<void>;
}

/** Most sessions that a {@linkcode MemorySessionStore} keeps: beyond it the oldest are forgotten. */
const MAX_RECORDS = 10_000;

interface Expiring<T> {
  value: T;
  expiresAtMs: number;
}

/** A {@linkcode SessionStore} in this process. */
export class MemorySessionStore implements SessionStore {
  readonly #clock: Clock;
  readonly #records = new Map<string, Expiring<string>>();
  readonly #generations = new Map<string, number>();

  constructor(options: { clock?: Clock } = {}) {
    this.#clock = options.clock ?? systemClock;
  }

  put(key: string, record: SessionRecord, ttlMs: number): Promise<void> {
    const [oldest] = this.#records.keys();
    if (oldest !== undefined && this.#records.size >= MAX_RECORDS) this.#records.delete(oldest);
    this.#set(key, record, ttlMs);
    return Promise.resolve();
  }

  get(key: string): Promise<SessionRecord | undefined> {
    const found = this.#records.get(key);
    if (found && found.expiresAtMs > this.#clock.wallNow()) {
      return Promise.resolve(JSON.parse(found.value));
    }
    this.#records.delete(key);
    return Promise.resolve(undefined);
  }

  replace(key: string, record: SessionRecord, ttlMs: number): Promise<void> {
    if (this.#records.has(key)) this.#set(key, record, ttlMs);
    return Promise.resolve();
  }

  delete(key: string): Promise<void> {
    this.#records.delete(key);
    return Promise.resolve();
  }

  generation(user: string): Promise<number> {
    return Promise.resolve(this.#generations.get(user) ?? 0);
  }

  nextGeneration(user: string): Promise<void> {
    this.#generations.set(user, (this.#generations.get(user) ?? 0) + 1);
    return Promise.resolve();
  }

  #set(key: string, record: SessionRecord, ttlMs: number): void {
    const expiresAtMs = this.#clock.wallNow() + ttlMs;
    this.#records.set(key, { value: JSON.stringify(record), expiresAtMs });
  }
}

/** A {@linkcode SessionStore} in Redis. */
export class RedisSessionStore implements SessionStore {
  readonly #redis: RedisClient;

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  async put(key: string, record: SessionRecord, ttlMs: number): Promise<void> {
    await Promise.all([
      this.#redis.set(sessionKey(key), JSON.stringify(record), "PX", ttlMs),
      // A generation that was forgotten before its sessions would be 0 again, and they would end.
      record.generation > 0 && this.#redis.pexpire(generationKey(record.user), ttlMs),
    ]);
  }

  async get(key: string): Promise<SessionRecord | undefined> {
    const text = await this.#redis.get(sessionKey(key));
    return text === null ? undefined : JSON.parse(text);
  }

  async replace(key: string, record: SessionRecord, ttlMs: number): Promise<void> {
    await this.#redis.set(sessionKey(key), JSON.stringify(record), "PX", ttlMs, "XX");
  }

  async delete(key: string): Promise<void> {
    await this.#redis.del(sessionKey(key));
  }

  async generation(user: string): Promise<number> {
    return Number(await this.#redis.get(generationKey(user)) ?? 0);
  }

  async nextGeneration(user: string, ttlMs: number): Promise<void> {
    const key = generationKey(user);
    const results = await this.#redis.multi().incr(key).pexpire(key, ttlMs).exec();
    for (const [error] of results ?? []) if (error) throw error;
  }
}

function sessionKey(key: string): string {
  return `session:${key}`;
}

function generationKey(user: string): string {
  return `session-generation:${user}`;
}
