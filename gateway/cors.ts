/**
 * Which web pages of other origins may use the API from a browser: none, unless they are configured.
 *
 * @module
 */
import { Hono } from "hono";
import { cors } from "hono/cors";
import type { InstanceEnv, Responder } from "../kit/instance_app.ts";

/**
 * Lets pages of `origins` (exact, such as `https://app.example`) in, with their cookies. Stands around
 * `route`: a page must be able to read refusals, too.
 */
export function allowOrigins(route: Responder, origins: readonly string[]): Responder {
  const app = new Hono<InstanceEnv>();
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
  app.onError((error) => { // for the instance to answer, like any other
    throw error;
  });
  app.all("*", (c) => route(c.req.raw, c.env));
  return app.fetch;
}
