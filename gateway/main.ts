/**
 * The gateway's process.
 *
 * @module
 */
import process from "node:process";
import { CpuPool } from "../kit/cpu_pool.ts";
import { createFindOrigin } from "../kit/forwarded.ts";
import { runInstance } from "../kit/runtime/run.ts";
import { createGateway } from "./app.ts";
import { type GatewayConfig, gatewayConfigSchema } from "./config.ts";
import { cacheUpstreams, createSharedState, readSecrets } from "./shared_state.ts";
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
      upstreams: cacheUpstreams(
        createUpstreams(context, config, closers),
        context,
        config,
        closers,
      ),
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

function createCpuPool(config: GatewayConfig, closers: Closer[]): CpuPool {
  const pool = new CpuPool({ size: config.CPU_POOL_SIZE, maxQueue: config.CPU_POOL_QUEUE });
  closers.push(() => pool.close());
  return pool;
}
