/**
 * The ways to the services, as the environment describes them.
 *
 * @module
 */
import { type Endpoints, parseEndpoints, watchEndpointsFile } from "../kit/endpoints.ts";
import type { InstanceContext } from "../kit/instance_app.ts";
import { createUpstream, type Upstream } from "../kit/upstream.ts";
import { createHttpClient } from "../kit/runtime/http_client.ts";
import { SharedTimers } from "../kit/upstream/shared_timers.ts";
import type { GatewayConfig } from "./config.ts";
import type { UpstreamName } from "./gateway.ts";

/** Makes the ways to all services; what must be let go of in the end is added to `closers`. */
export function createUpstreams(
  context: Pick<InstanceContext, "clock" | "log">,
  config: GatewayConfig,
  closers: (() => void)[],
): Record<UpstreamName, Upstream> {
  const { clock, log } = context;
  const timers = new SharedTimers(clock);
  const client = createHttpClient({ direct: config.HTTP_CLIENT === "direct" });
  closers.push(() => client[Symbol.dispose]());
  const urls = {
    users: config.USERS_URL,
    orders: config.ORDERS_URL,
    payments: config.PAYMENTS_URL,
  };
  const file = config.UPSTREAMS_FILE === undefined
    ? undefined
    : watchEndpointsFile(config.UPSTREAMS_FILE, { clock, log });
  if (file) closers.push(() => file[Symbol.dispose]());

  function create(name: UpstreamName): Upstream {
    const endpoints: Endpoints = file?.service(name) ?? parseEndpoints(urls[name], { clock, log });
    closers.push(() => endpoints[Symbol.dispose]());
    return createUpstream({
      name,
      endpoints,
      send: client.send,
      clock,
      timers,
      layersOff: config.LAYERS_OFF,
      maxConcurrent: config.MAX_CONCURRENT,
      hedgeAfterMs: config.HEDGE_AFTER_MS,
      breaker: {
        onChange: ({ kind }) => log.warn("breaker changed", { upstream: name, state: kind }),
      },
    });
  }
  return { users: create("users"), orders: create("orders"), payments: create("payments") };
}
