/**
 * At most so many requests of a client in a time, counted by rate-limiter-flexible. A window begins with
 * a client's first request and ends `windowMs` later, so twice the limit may pass around the end of one
 * (docs/decisions.md).
 *
 * @module
 */
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from "rate-limiter-flexible";
import type { RedisClient } from "../redis.ts";

/** At most `limit` requests in a window of `windowMs`. */
export interface RateLimit {
  limit: number;
  /** Whole seconds. */
  windowMs: number;
}

/** What became of a request. */
export interface RateLimitResult {
  allowed: boolean;
  /** Requests that would be allowed now. */
  remaining: number;
  /** Time until the window ends and `limit` are allowed again; 0 when nothing counts. */
  resetMs: number;
}

/** Counts the requests of clients. */
export interface RateLimiter extends RateLimit {
  /**
   * Counts a request of the client. One that is refused does not make the window longer.
   *
   * @throws {Problem} `store-unavailable`
   */
  consume(client: string): Promise<RateLimitResult>;
}

/**
 * Most clients that a {@linkcode MemoryRateLimiter} knows: beyond it the least recent is forgotten. The
 * library keeps 1.5 kB for each, a timer among it, and whoever has an IPv6 /48 is 65,536 clients.
 */
const MAX_CLIENTS = 10_000;

/** Counts in this process: with N replicas behind a front, a client gets up to N times the limit. */
export class MemoryRateLimiter implements RateLimiter {
  readonly limit: number;
  readonly windowMs: number;
  readonly #counter: RateLimiterMemory;
  /** Least recent first. */
  readonly #clients = new Set<string>();

  /** @throws {RangeError} when `limit` is not a positive integer, or `windowMs` not whole seconds */
  constructor({ limit, windowMs }: RateLimit) {
    this.limit = limit;
    this.windowMs = windowMs;
    this.#counter = new RateLimiterMemory(counted({ limit, windowMs }));
  }

  /** Counts before it returns: of calls in one turn of the event loop, the first come first. */
  consume(client: string): Promise<RateLimitResult> {
    this.#clients.delete(client);
    this.#clients.add(client);
    const [first] = this.#clients;
    if (first !== undefined && this.#clients.size > MAX_CLIENTS) {
      this.#clients.delete(first);
      void this.#counter.delete(first);
    }
    return consume(this.#counter, client);
  }

  /** What {@linkcode consume} would answer, counting nothing. */
  async peek(client: string): Promise<RateLimitResult> {
    const found = await this.#counter.get(client);
    // After a block of the event loop, the timer that forgets a client may not have fired yet.
    const over = found === null || found.msBeforeNext <= 0;
    return over
      ? { allowed: true, remaining: this.limit, resetMs: 0 }
      : toResult(found.remainingPoints > 0, found);
  }
}

/** Options of {@linkcode RedisRateLimiter}. */
export interface RedisRateLimiterOptions extends RateLimit {
  redis: RedisClient;
  /** Tells limits apart; part of the keys. */
  name: string;
}

/** Counts in Redis, for all replicas together. */
export class RedisRateLimiter implements RateLimiter {
  readonly limit: number;
  readonly windowMs: number;
  readonly #counter: RateLimiterRedis;

  /** @throws {RangeError} when `limit` is not a positive integer, or `windowMs` not whole seconds */
  constructor({ limit, windowMs, redis, name }: RedisRateLimiterOptions) {
    this.limit = limit;
    this.windowMs = windowMs;
    this.#counter = new RateLimiterRedis({
      ...counted({ limit, windowMs }),
      storeClient: redis,
      keyPrefix: `rate-limit:${name}`,
      // Whoever has used up the limit is refused from memory until the window ends: each count is a
      // write that Redis syncs to its disk, and a client must not cause more of them than it may.
      inMemoryBlockOnConsumed: limit,
    });
  }

  consume(client: string): Promise<RateLimitResult> {
    return consume(this.#counter, client);
  }
}

/** The limit as the library wants it. Below a second its Redis counter would never forget. */
function counted({ limit, windowMs }: RateLimit): { points: number; duration: number } {
  const duration = windowMs / 1000;
  if (Number.isInteger(limit) && limit >= 1 && Number.isInteger(duration) && duration >= 1) {
    return { points: limit, duration };
  }
  throw new RangeError(
    `Cannot limit rate: limit must be a positive integer and windowMs whole seconds, received "${limit}" and "${windowMs}"`,
  );
}

async function consume(counter: RateLimiterAbstract, client: string): Promise<RateLimitResult> {
  try {
    return toResult(true, await counter.consume(client));
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return toResult(false, refusal);
    throw refusal;
  }
}

/** A window that ends in this millisecond has not ended yet. */
function toResult(allowed: boolean, counted: RateLimiterRes): RateLimitResult {
  return {
    allowed,
    remaining: counted.remainingPoints,
    resetMs: Math.max(1, counted.msBeforeNext),
  };
}
