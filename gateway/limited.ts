/**
 * `/api/limited`: a few requests in a time for each client, counted across replicas.
 *
 * @module
 */
import { clientNetwork } from "../kit/client_network.ts";
import { Problem } from "../kit/problem.ts";
import type { RateLimit, RateLimitResult } from "../kit/store/rate_limiter.ts";
import type { GatewayApp, GatewayParts } from "./gateway.ts";

/** What `/api/limited` allows a client. */
export const LIMITED: RateLimit = { limit: 2, windowMs: 10_000 };

/** Adds `/api/limited`. */
export function limitedRoute(app: GatewayApp, parts: GatewayParts): void {
  const { context: { id: instance }, limiter, findOrigin } = parts;

  app.get("/api/limited", async (c) => {
    const { address } = findOrigin(c.req.raw.headers, c.env.peer?.remoteAddress);
    const result = await limiter.consume(clientNetwork(address));
    const headers = rateLimitFields(limiter, result);
    if (!result.allowed) {
      throw new Problem("too-many-requests", {
        detail: `Cannot answer: a client may send ${limiter.limit} requests in ${
          limiter.windowMs / 1000
        } s`,
        headers: { ...headers, "retry-after": String(seconds(result.resetMs)) },
      });
    }
    return c.json(
      { message: "Within the limit", remaining: result.remaining, instance },
      200,
      { ...headers, "cache-control": "no-store" },
    );
  });
}

/** Fields of draft-ietf-httpapi-ratelimit-headers-10: the policy, and what is left of it. */
function rateLimitFields(limit: RateLimit, result: RateLimitResult): Record<string, string> {
  return {
    "ratelimit-policy": `"default";q=${limit.limit};w=${seconds(limit.windowMs)}`,
    "ratelimit": `"default";r=${result.remaining};t=${seconds(result.resetMs)}`,
  };
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
