/**
 * The gateway's process.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import process from "node:process";
import { CpuPool } from "../kit/cpu_pool.ts";
import { createFindOrigin } from "../kit/forwarded.ts";
import type { InstanceContext } from "../kit/instance_app.ts";
import { createRedis } from "../kit/redis.ts";
import { runInstance } from "../kit/runtime/run.ts";
import { MemoryCounter, RedisCounter } from "../kit/store/counter.ts";
import { MemoryRateLimiter, RedisRateLimiter } from "../kit/store/rate_limiter.ts";
import { MemorySessionStore, RedisSessionStore } from "../kit/store/session_store.ts";
import { createGateway } from "./app.ts";
import { type GatewayConfig, gatewayConfigSchema } from "./config.ts";
import type { GatewayParts } from "./gateway.ts";
import { LIMITED } from "./limited.ts";
import { createUpstreams } from "./upstreams.ts";

/** Lets go of something when the instance ends. */
type Closer = () => void | Promise<void>;

await runInstance({
  service: "gateway",
  env: process.env,
  config: gatewayConfigSchema,
  async create(context, config) {
    const { clock } = context;
    const closers: Closer[] = [];
    const app = createGateway({
      context,
      config,
      clock,
      upstreams: createUpstreams(context, config, closers),
      ...createSharedState(context, config, closers),
      ...await readSecrets(config),
      cpuPool: createCpuPool(config, closers),
      findOrigin: createFindOrigin(config.TRUSTED_PROXIES),
    });
    return {
      fetch: (request, peer) => app.fetch(request, peer),
      close: async () => void await Promise.all(closers.map((close) => close())),
    };
  },
});

/** What replicas must share, in Redis; or each its own, to show what then goes wrong. */
function createSharedState(
  context: InstanceContext,
  config: GatewayConfig,
  closers: Closer[],
): Pick<GatewayParts, "counter" | "sessionStore" | "limiter"> {
  const { clock, log } = context;
  if (config.STORE === "memory") {
    return {
      counter: new MemoryCounter(),
      sessionStore: new MemorySessionStore({ clock }),
      limiter: new MemoryRateLimiter({ ...LIMITED, clock }),
    };
  }
  const redis = createRedis({ url: config.REDIS_URL, clock, log, name: "gateway" });
  closers.push(() => redis.close());
  return {
    counter: new RedisCounter(redis),
    sessionStore: new RedisSessionStore(redis),
    limiter: new RedisRateLimiter({ ...LIMITED, redis, name: "limited" }),
  };
}

async function readSecrets(config: GatewayConfig): Promise<Pick<GatewayParts, "jwtSecret">> {
  const file = config.JWT_SECRET_FILE;
  return file === undefined ? {} : { jwtSecret: (await readFile(file, "utf8")).trim() };
}

function createCpuPool(config: GatewayConfig, closers: Closer[]): CpuPool {
  const pool = new CpuPool({ size: config.CPU_POOL_SIZE, maxQueue: config.CPU_POOL_QUEUE });
  closers.push(() => pool.close());
  return pool;
}
