/**
 * The gateway: one address for clients, whatever is behind it.
 *
 * @module
 */
import { createInstanceApp } from "../kit/instance_app.ts";
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
import { metricsRoute } from "./metrics.ts";
import { sessionRoutes } from "./session.ts";
import { tokenRoutes } from "./token.ts";
import { waitRoute } from "./wait.ts";

/** Makes the gateway's app. */
export function createGateway(parts: GatewayParts): GatewayApp {
  const { context, config } = parts;
  return createInstanceApp(context, (app) => {
    allowOrigins(app, config.CORS_ORIGINS);
    // Before shedding: whoever wants to know how an overloaded replica is must be told.
    metricsRoute(app, parts);
    if (config.SHEDDING === "on") {
      app.use(createShedding(context, {
        maxInFlight: config.MAX_IN_FLIGHT,
        maxQueueAgeMs: config.MAX_QUEUE_AGE_MS,
      }));
    }
    if (config.HANDICAP_US > 0) app.use("/api/*", createHandicap(config.HANDICAP_US));
    forwardRoutes(app, parts);
    dashboardRoute(app, parts);
    countRoutes(app, parts);
    cpuBoundRoute(app, parts);
    waitRoute(app, parts);
    const checkCredentials = createCheckCredentials(parts);
    sessionRoutes(app, parts, checkCredentials);
    tokenRoutes(app, parts, checkCredentials);
    limitedRoute(app, parts);
  });
}
