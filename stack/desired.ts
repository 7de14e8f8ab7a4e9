/**
 * The state that `up` asks for: how many replicas of each service there are at first, and what the front
 * is told. Every engine begins with the same.
 *
 * @module
 */
import { type Front, frontSchema } from "../lb/front.ts";
import type { ScalableService, StackOptions } from "./stack.ts";

/** Replicas of each service. */
export function desiredReplicas(options: StackOptions): Record<ScalableService, number> {
  return { gateway: options.replicas, users: 1, orders: 1, payments: 1, ...options.scale };
}

/** What the front is told, given where the engine lets it listen and where the gateways are. */
export function desiredFront(
  options: StackOptions,
  place: { host?: string; port: number; upstreams: Front["upstreams"] },
): Front {
  const { front: kind, policy, activeCheckMs } = options;
  return frontSchema.parse({
    kind,
    policy,
    ...place,
    ...(activeCheckMs === undefined ? {} : { activeCheck: { intervalMs: activeCheckMs } }),
  });
}
