/**
 * Load shedding: 503 with `Retry-After` before the work starts.
 *
 * @module
 */
import { type InstanceContext, PROBES, type Responder } from "./instance_app.ts";
import { LoadShedder, type LoadShedderOptions } from "./load_shedder.ts";
import { Problem } from "./problem.ts";

/** Header in which the front says when it took the request. */
export const REQUEST_START = "x-request-start";

const RETRY_AFTER_S = 1;

/** Options of {@linkcode createShedding}: what may be set of {@linkcode LoadShedder} from outside. */
export interface SheddingOptions
  extends Partial<Omit<LoadShedderOptions, "lifecycle" | "intervalMs">> {
  /** Path that is never refused, beside the probes. */
  exempt?: string;
}

/** Stands before `route`; probes are never refused. */
export function createShedding(
  context: InstanceContext,
  route: Responder,
  options: SheddingOptions = {},
): Responder {
  const { exempt, ...limits } = options;
  const { monitor, lifecycle, clock, metrics } = context;
  const { intervalMs } = monitor;
  const shedder = new LoadShedder({ lifecycle, clock, intervalMs, ...limits });
  monitor.onSample((lagMs) => shedder.observeLag(lagMs));
  const shed = new Map<string, number>();
  metrics.counter("http_requests_shed_total", "Requests refused before their work began", () => {
    return [...shed].map(([reason, value]) => ({ labels: { reason }, value }));
  });
  metrics.gauge("http_in_flight_limit", "Requests that may be in flight now", () => shedder.limit);

  return function shedding(request, env) {
    if (env.path === exempt || PROBES.has(env.path)) return route(request, env);
    const reason = shedder.refuse(request.headers.get(REQUEST_START));
    if (reason === undefined) return route(request, env);
    shed.set(reason, (shed.get(reason) ?? 0) + 1);
    return overloaded(request.method, env.requestId);
  };
}

/** Made without throwing: a stack trace costs as much as the rest of the refusal. */
const BODY = new Problem("overloaded").toJSON();

function overloaded(method: string, requestId: string): Response {
  const body = method === "HEAD" ? null : JSON.stringify({ ...BODY, requestId });
  return new Response(body, {
    status: BODY.status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "retry-after": String(RETRY_AFTER_S),
    },
  });
}
