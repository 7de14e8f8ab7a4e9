/**
 * A slowdown on purpose: whoever claims that a comparison of two runs notices 20 % must be able to make 20 %.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { busyLoop } from "../kit/busy_loop.ts";
import type { InstanceEnv } from "../kit/instance_app.ts";

/** Makes middleware that computes for `us` microseconds before each request. */
export function createHandicap(us: number): MiddlewareHandler<InstanceEnv> {
  return function handicap(_c, next) {
    busyLoop(us / 1_000);
    return next();
  };
}
