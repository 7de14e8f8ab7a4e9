/**
 * The gateway: one address for clients, whatever is behind it.
 *
 * @module
 */
import { createInstanceApp, type Responder } from "../kit/instance_app.ts";
import { createShedding } from "../kit/shedding.ts";
import { allowOrigins } from "./cors.ts";
import { countRoutes } from "./count.ts";
import { cpuBoundRoute } from "./cpu_bound.ts";
import { createCheckCredentials } from "./credentials.ts";
import { dashboardRoute } from "./dashboard.ts";
import { forwardRoutes } from "./forward.ts";
import type { GatewayApp, GatewayParts } from "./gateway.ts";
import { createHandicap } from "./handicap.ts";
import { limitedRoute } from "./limited.ts";
import { METRICS_PATH, metricsRoute } from "./metrics.ts";
import { sessionRoutes } from "./session.ts";
import { tokenRoutes } from "./token.ts";
import { waitRoute } from "./wait.ts";

/** Makes the gateway's app. */
export function createGateway(parts: GatewayParts): GatewayApp {
  return createInstanceApp(parts.context, (app) => {
    forwardRoutes(app, parts);
    dashboardRoute(app, parts);
    countRoutes(app, parts);
    cpuBoundRoute(app, parts);
    waitRoute(app, parts);
    const checkCredentials = createCheckCredentials(parts);
    sessionRoutes(app, parts, checkCredentials);
    tokenRoutes(app, parts, checkCredentials);
    limitedRoute(app, parts);
    metricsRoute(app, parts);
  }, (routes) => around(routes, parts));
}

/** What stands before all routes, the outermost last. */
function around(routes: Responder, { context, config }: GatewayParts): Responder {
  let route = routes;
  if (config.HANDICAP_US > 0) route = createHandicap(route, config.HANDICAP_US);
  if (config.SHEDDING === "on") {
    route = createShedding(context, route, {
      maxInFlight: config.MAX_IN_FLIGHT,
      maxQueueAgeMs: config.MAX_QUEUE_AGE_MS,
      exempt: METRICS_PATH, // whoever wants to know how an overloaded replica is must be told
    });
  }
  return config.CORS_ORIGINS.length > 0 ? allowOrigins(route, config.CORS_ORIGINS) : route;
}
