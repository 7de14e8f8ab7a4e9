/**
 * At most so many requests of a client in a time, exactly: the log of the last requests is kept, so there
 * is no edge between two windows at which twice as many pass. Refused requests do not count.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import type { RedisClient } from "../redis.ts";
import { RedisScript } from "../redis_script.ts";

/** At most `limit` requests in any `windowMs`. */
export interface RateLimit {
  limit: number;
  windowMs: number;
}

/** What became of a request. */
export interface RateLimitResult {
  allowed: boolean;
  /** Requests that would be allowed now. */
  remaining: number;
  /** Time until one more is allowed than now; 0 when nothing counts. */
  resetMs: number;
}

/** Counts the requests of clients. */
export interface RateLimiter extends RateLimit {
  /**
   * Counts a request of the client, if it is allowed.
   *
   * @throws {Problem} `store-unavailable`
   */
  consume(client: string): Promise<RateLimitResult>;
}

/** Most clients that a {@linkcode MemoryRateLimiter} knows: beyond it the least recent is forgotten. */
const MAX_CLIENTS = 10_000;

/** Counts in this process: with N replicas behind a front, a client gets up to N times the limit. */
export class MemoryRateLimiter implements RateLimiter {
  readonly limit: number;
  readonly windowMs: number;
  readonly #clock: Clock;
  /** Times of the counted requests, oldest first. */
  readonly #log = new Map<string, number[]>();

  constructor(options: RateLimit & { clock?: Clock }) {
    checkLimit(options);
    this.limit = options.limit;
    this.windowMs = options.windowMs;
    this.#clock = options.clock ?? systemClock;
  }

  consume(client: string): Promise<RateLimitResult> {
    const { allowed } = this.peek(client);
    if (allowed) {
      const times = this.#times(client);
      this.#log.delete(client);
      const [first] = this.#log.keys();
      if (first !== undefined && this.#log.size >= MAX_CLIENTS) this.#log.delete(first);
      this.#log.set(client, [...times, this.#clock.now()]);
    }
    return Promise.resolve({ ...this.peek(client), allowed });
  }

  /** What {@linkcode consume} would answer, counting nothing. */
  peek(client: string): RateLimitResult {
    const times = this.#times(client);
    const remaining = this.limit - times.length;
    const [oldest] = times;
    const resetMs = oldest === undefined ? 0 : oldest + this.windowMs - this.#clock.now();
    return { allowed: remaining > 0, remaining, resetMs };
  }

  #times(client: string): number[] {
    const since = this.#clock.now() - this.windowMs;
    return (this.#log.get(client) ?? []).filter((time) => time > since);
  }
}

/** KEYS: the client's log. ARGV: limit, window in ms, now in ms or "" for the server's own time. */
const CONSUME = new RedisScript(`
local limit, window, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function oldest() return tonumber(redis.call('LINDEX', KEYS[1], 0)) end
local count = redis.call('LLEN', KEYS[1])
while count > 0 and oldest() <= now - window do
  redis.call('LPOP', KEYS[1])
  count = count - 1
end
local allowed = 0
if count < limit then
  redis.call('RPUSH', KEYS[1], now)
  redis.call('PEXPIRE', KEYS[1], window)
  count = count + 1
  allowed = 1
end
return { allowed, limit - count, oldest() + window - now }
`);

/** Options of {@linkcode RedisRateLimiter}. */
export interface RedisRateLimiterOptions extends RateLimit {
  redis: RedisClient;
  /** Tells limits apart; part of the keys. */
  name: string;
  /** Only tests give one: replicas agree on the time because they ask Redis. @default Redis's own */
  clock?: Clock;
}

/** Counts in Redis, for all replicas together. */
export class RedisRateLimiter implements RateLimiter {
  readonly limit: number;
  readonly windowMs: number;
  readonly #redis: RedisClient;
  readonly #name: string;
  readonly #clock: Clock | undefined;

  constructor(options: RedisRateLimiterOptions) {
    checkLimit(options);
    this.limit = options.limit;
    this.windowMs = options.windowMs;
    this.#redis = options.redis;
    this.#name = options.name;
    this.#clock = options.clock;
  }

  async consume(client: string): Promise<RateLimitResult> {
    const keys = [`rate-limit:${this.#name}:${client}`];
    const now = this.#clock ? Math.floor(this.#clock.wallNow()) : "";
    const result = await CONSUME.run(this.#redis, keys, [this.limit, this.windowMs, now]);
    const [allowed, remaining, resetMs] = result as [number, number, number];
    return { allowed: allowed === 1, remaining, resetMs };
  }
}

function checkLimit({ limit, windowMs }: RateLimit): void {
  if (Number.isInteger(limit) && limit >= 1 && Number.isInteger(windowMs) && windowMs >= 1) return;
  throw new RangeError(
    `Cannot limit rate: limit and windowMs must be positive integers, received "${limit}" and "${windowMs}"`,
  );
}
