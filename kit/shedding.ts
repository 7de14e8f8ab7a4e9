/**
 * Load shedding as middleware: 503 with `Retry-After` before the work starts.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { Counter, Gauge } from "prom-client";
import type { InstanceContext, InstanceEnv } from "./instance_app.ts";
import { LoadShedder, type LoadShedderOptions } from "./load_shedder.ts";
import { Problem } from "./problem.ts";

/** Header in which the front says when it took the request. */
export const REQUEST_START = "x-request-start";

const RETRY_AFTER_S = 1;

/** What may be set of {@linkcode LoadShedder} from outside. */
export type SheddingOptions = Partial<Omit<LoadShedderOptions, "lifecycle" | "intervalMs">>;

/**
 * Makes the middleware. To be added inside `createInstanceApp`, whose probes stand before it and are
 * never refused.
 */
export function createShedding(
  context: InstanceContext,
  options: SheddingOptions = {},
): MiddlewareHandler<InstanceEnv> {
  const { monitor, lifecycle, clock, metrics } = context;
  const { intervalMs } = monitor;
  const shedder = new LoadShedder({ lifecycle, clock, intervalMs, ...options });
  monitor.onSample((lagMs) => shedder.observeLag(lagMs));
  const shed = new Counter({
    name: "http_requests_shed_total",
    help: "Requests refused before their work began",
    labelNames: ["reason"],
    registers: [metrics.registry],
  });
  new Gauge({
    name: "http_in_flight_limit",
    help: "Requests that may be in flight now",
    registers: [metrics.registry],
    collect() {
      this.set(shedder.limit);
    },
  });

  // Not async: a request that is admitted pays for a comparison and a header, not for a promise.
  return function shedding(c, next) {
    const reason = shedder.refuse(c.req.raw.headers.get(REQUEST_START));
    if (reason === undefined) return next();
    shed.inc({ reason });
    return Promise.resolve(overloaded(c.var.requestId));
  };
}

/** Made without throwing: a stack trace costs as much as the rest of the refusal. */
const BODY = new Problem("overloaded").toJSON();

function overloaded(requestId: string): Response {
  return new Response(JSON.stringify({ ...BODY, requestId }), {
    status: BODY.status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "retry-after": String(RETRY_AFTER_S),
    },
  });
}
