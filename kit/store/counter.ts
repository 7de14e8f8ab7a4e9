/**
 * A named count that many may raise: in this process, or in Redis where all replicas see it.
 *
 * @module
 */
import type { RedisClient } from "../redis.ts";

/** Counts by name, starting from 0. */
export interface Counter {
  /**
   * Adds one and returns the new count; no two calls for one name get the same.
   *
   * @throws {Problem} `store-unavailable`
   */
  increment(name: string): Promise<number>;
}

/** Counts that live and die with this process, which is what goes wrong with several replicas. */
export class MemoryCounter implements Counter {
  readonly #counts = new Map<string, number>();

  increment(name: string): Promise<number> {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    return Promise.resolve(count);
  }
}

/** Counts that all replicas share. */
export class RedisCounter implements Counter {
  readonly #redis: RedisClient;

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  increment(name: string): Promise<number> {
    return this.#redis.incr(`counter:${name}`);
  }
}
