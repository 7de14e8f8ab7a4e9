/**
 * A slowdown on purpose: whoever claims that a comparison of two runs notices 20 % must be able to make 20 %.
 *
 * @module
 */
import { busyLoop } from "../kit/busy_loop.ts";
import type { Route } from "../kit/instance_app.ts";

/** Computes for `us` microseconds before each request that is for the API. */
export function createHandicap(route: Route, us: number): Route {
  return function handicap(request, env) {
    if (env.path.startsWith("/api/")) busyLoop(us / 1_000);
    return route(request, env);
  };
}
