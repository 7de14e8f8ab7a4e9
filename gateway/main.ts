/**
 * The gateway's process.
 *
 * @module
 */
import process from "node:process";
import { CpuPool } from "../kit/cpu_pool.ts";
import { type Endpoints, parseEndpoints, watchEndpointsFile } from "../kit/endpoints.ts";
import { createFindOrigin } from "../kit/forwarded.ts";
import type { InstanceContext } from "../kit/instance_app.ts";
import { createRedis } from "../kit/redis.ts";
import { runInstance } from "../kit/runtime/run.ts";
import { type Counter, MemoryCounter, RedisCounter } from "../kit/store/counter.ts";
import { createUpstream, type Upstream } from "../kit/upstream.ts";
import { DeadlineSignals } from "../kit/upstream/deadline.ts";
import { createGateway } from "./app.ts";
import { type GatewayConfig, gatewayConfigSchema } from "./config.ts";
import type { UpstreamName } from "./gateway.ts";

/** Lets go of something when the instance ends. */
type Closer = () => void | Promise<void>;

await runInstance({
  service: "gateway",
  env: process.env,
  config: gatewayConfigSchema,
  create(context, config) {
    const { clock } = context;
    const closers: Closer[] = [];
    const app = createGateway({
      context,
      config,
      clock,
      upstreams: createUpstreams(context, config, closers),
      counter: createCounter(context, config, closers),
      cpuPool: createCpuPool(config, closers),
      findOrigin: createFindOrigin(config.TRUSTED_PROXIES),
    });
    return {
      fetch: (request, peer) => app.fetch(request, peer),
      close: async () => void await Promise.all(closers.map((close) => close())),
    };
  },
});

function createUpstreams(
  context: InstanceContext,
  config: GatewayConfig,
  closers: Closer[],
): Record<UpstreamName, Upstream> {
  const { clock, log } = context;
  const signals = new DeadlineSignals(clock);
  const file = config.UPSTREAMS_FILE === undefined
    ? undefined
    : watchEndpointsFile(config.UPSTREAMS_FILE, { clock, log });
  if (file) closers.push(() => file[Symbol.dispose]());
  const create = (name: UpstreamName, urls: string) => {
    const endpoints: Endpoints = file?.service(name) ?? parseEndpoints(urls, { clock, log });
    closers.push(() => endpoints[Symbol.dispose]());
    return createUpstream({ name, endpoints, clock, signals });
  };
  return {
    users: create("users", config.USERS_URL),
    orders: create("orders", config.ORDERS_URL),
    payments: create("payments", config.PAYMENTS_URL),
  };
}

function createCounter(
  context: InstanceContext,
  config: GatewayConfig,
  closers: Closer[],
): Counter {
  if (config.STORE === "memory") return new MemoryCounter();
  const { clock, log } = context;
  const redis = createRedis({ url: config.REDIS_URL, clock, log, name: "gateway" });
  closers.push(() => redis.close());
  return new RedisCounter(redis);
}

function createCpuPool(config: GatewayConfig, closers: Closer[]): CpuPool {
  const pool = new CpuPool({ size: config.CPU_POOL_SIZE, maxQueue: config.CPU_POOL_QUEUE });
  closers.push(() => pool.close());
  return pool;
}
