/**
 * Which web pages of other origins may use the API from a browser: none, unless they are configured.
 *
 * @module
 */
import { cors } from "hono/cors";
import type { GatewayApp } from "./gateway.ts";

/** Lets pages of `origins` (exact, such as `https://app.example`) in, with their cookies. */
export function allowOrigins(app: GatewayApp, origins: readonly string[]): void {
  if (origins.length === 0) return;
  app.use(
    "/api/*",
    cors({
      origin: [...origins],
      credentials: true,
      allowMethods: ["GET", "HEAD", "POST"],
      allowHeaders: ["authorization", "content-type", "idempotency-key", "x-request-id"],
      exposeHeaders: ["location", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id"],
      maxAge: 600,
    }),
  );
}
