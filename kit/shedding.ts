/**
 * Load shedding as middleware: 503 with `Retry-After` before the work starts.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
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
  const shed = new Map<string, number>();
  metrics.counter("http_requests_shed_total", "Requests refused before their work began", () => {
    return [...shed].map(([reason, value]) => ({ labels: { reason }, value }));
  });
  metrics.gauge("http_in_flight_limit", "Requests that may be in flight now", () => shedder.limit);

  // Not async: a request that is admitted pays for a comparison and a header, not for a promise.
  return function shedding(c, next) {
    const reason = shedder.refuse(c.req.raw.headers.get(REQUEST_START));
    if (reason === undefined) return next();
    shed.set(reason, (shed.get(reason) ?? 0) + 1);
    return Promise.resolve(overloaded(c.env.requestId));
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
