/**
 * A slowdown on purpose: whoever claims that a comparison of two runs notices 20 % must be able to make 20 %.
 *
 * @module
 */
import { busyLoop } from "../kit/busy_loop.ts";
import { METRICS_PATH } from "./metrics.ts";
import type { Responder } from "../kit/instance_app.ts";

/** Computes for `us` microseconds before each request under /api, but for what says how this instance is. */
export function createHandicap(route: Responder, us: number): Responder {
  return function handicap(request, env) {
    if (env.path.startsWith("/api/") && env.path !== METRICS_PATH) busyLoop(us / 1_000);
    return route(request, env);
  };
}
