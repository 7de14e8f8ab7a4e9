/**
 * What a replica of the gateway does not keep to itself, as the environment describes it.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { openChangeFeed } from "../kit/change_feed.ts";
import type { InstanceContext } from "../kit/instance_app.ts";
import { createRedis } from "../kit/redis.ts";
import { cacheAnswers } from "../kit/response_cache.ts";
import { MemoryCounter, RedisCounter } from "../kit/store/counter.ts";
import { MemoryRateLimiter, RedisRateLimiter } from "../kit/store/rate_limiter.ts";
import { MemorySessionStore, RedisSessionStore } from "../kit/store/session_store.ts";
import type { GatewayConfig } from "./config.ts";
import type { GatewayParts } from "./gateway.ts";
import { LIMITED } from "./limited.ts";
import { sharedSecret } from "./shared_secret.ts";

/** What replicas must share, in Redis; or each its own, to show what then goes wrong. */
export function createSharedState(
  context: Pick<InstanceContext, "clock" | "log">,
  config: GatewayConfig,
  closers: (() => void | Promise<void>)[],
): Pick<GatewayParts, "counter" | "sessionStore" | "limiter" | "findJwtSecret"> {
  const { clock, log } = context;
  if (config.STORE === "memory") {
    return {
      counter: new MemoryCounter(),
      sessionStore: new MemorySessionStore({ clock }),
      limiter: new MemoryRateLimiter(LIMITED),
    };
  }
  const redis = createRedis({ url: config.REDIS_URL, clock, log, name: "gateway" });
  closers.push(() => redis.close());
  return {
    counter: new RedisCounter(redis),
    sessionStore: new RedisSessionStore(redis),
    limiter: new RedisRateLimiter({ ...LIMITED, redis, name: "limited" }),
    ...(config.JWT_SECRET_SHARED === "on" ? { findJwtSecret: sharedSecret(redis, "jwt") } : {}),
  };
}

/** Keeps answers, if the environment wants it and there is a Redis that tells of writes. */
export function cacheUpstreams(
  upstreams: GatewayParts["upstreams"],
  context: Pick<InstanceContext, "clock" | "log">,
  config: GatewayConfig,
  closers: (() => void | Promise<void>)[],
): GatewayParts["upstreams"] {
  const { clock, log } = context;
  const ttlMs = config.CACHE_TTL_MS;
  if (ttlMs === 0 || config.STORE === "memory") return upstreams;
  const feed = openChangeFeed({ url: config.REDIS_URL, clock, log });
  closers.push(() => feed.close());
  const { users, orders, payments } = upstreams;
  return {
    users: cacheAnswers(users, { ttlMs, feed, clock }),
    orders: cacheAnswers(orders, { ttlMs, feed, clock }),
    payments: cacheAnswers(payments, { ttlMs, feed, clock }),
  };
}

/** The secret that tokens are signed with; the file is read once. */
export async function readSecrets(config: GatewayConfig): Promise<Pick<GatewayParts, "jwtSecret">> {
  const file = config.JWT_SECRET_FILE;
  return file === undefined ? {} : { jwtSecret: (await readFile(file, "utf8")).trim() };
}
