/**
 * What every instance does around its own routes: identify, count, log, answer errors, be probed.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { matchedRoutes } from "hono/route";
import type { AccessLog } from "./access_log.ts";
import type { Clock } from "./clock.ts";
import type { EventLoopMonitor } from "./event_loop_monitor.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Logger } from "./log.ts";
import { METRICS_TYPE } from "./metric_registry.ts";
import type { Metrics } from "./metrics.ts";
import { Problem, PROBLEMS, type ProblemType } from "./problem.ts";
import type { Peer } from "./runtime/server.ts";
import { acceptRequestId, createRequestIds, REQUEST_ID } from "./request_context.ts";

/** What an instance is made of; `runInstance` builds it. */
export interface InstanceContext {
  id: string;
  service: string;
  runtime: "deno" | "node";
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  monitor: EventLoopMonitor;
  lifecycle: Lifecycle;
  /** Without one, requests are not logged. */
  accessLog?: AccessLog;
}

/** What handlers find on their context. */
export interface InstanceEnv {
  /** The connection; nothing in tests without a socket. */
  Bindings: Partial<Peer>;
  Variables: {
    /** Id of this request: accepted from the caller, or made here. */
    requestId: string;
    /** Set when no route answered, though middleware may have matched. */
    unmatched?: true;
  };
}

/** Label of requests that no route answers, so that clients cannot add series. */
export const UNMATCHED = "unmatched";

/** Where probes go: counted, but neither logged nor held against a drain. */
const PROBES = new Set(["/healthz", "/readyz", "/metrics"]);

/**
 * Makes the app of an instance; `define` adds its routes.
 *
 * Every answer carries `x-instance-id` and `x-request-id`. Thrown {@linkcode Problem}s are rendered,
 * anything else thrown is logged and answered with a bare 500. A path with other methods answers 405
 * with `allow`. Requests are served in every state of the lifecycle; only `/readyz` tells them apart.
 */
export function createInstanceApp(
  context: InstanceContext,
  define: (app: Hono<InstanceEnv>) => void,
): Hono<InstanceEnv> {
  const { id, service, clock, log, metrics, monitor, lifecycle, accessLog } = context;
  const app = new Hono<InstanceEnv>();
  const nextRequestId = createRequestIds();
  metrics.watch({ monitor, lifecycle });

  app.use(async function instance(c, next) {
    const startMs = clock.now();
    const requestId = acceptRequestId(c.req.raw.headers.get(REQUEST_ID)) ?? nextRequestId();
    c.set("requestId", requestId);
    const { path, method } = c.req;
    const probe = PROBES.has(path);
    if (!probe) lifecycle.enter();
    try {
      await next();
    } catch (error) {
      // Hono hands errors to onError; what arrives here was thrown without being an Error.
      c.res = answerError(c, error);
    } finally {
      if (!probe) lifecycle.leave();
    }
    identify(c, id, requestId);
    const route = routeTemplate(c);
    const durationMs = clock.now() - startMs;
    const { status } = c.res;
    metrics.observeRequest({ method, route, status, durationSeconds: durationMs / 1000 });
    if (accessLog && !probe) accessLog(method, path, route, status, durationMs, requestId);
  });

  let warnedAtMs = -Infinity;
  let failures = 0;
  /** At most once a second: when a dependency is away every request fails, and each is in the access log. */
  function warnOfFailure(c: Context<InstanceEnv>, error: Problem): void {
    failures++;
    if (clock.now() - warnedAtMs < 1_000) return;
    log.warn("requests failed", { failures, requestId: c.var.requestId, path: c.req.path, error });
    warnedAtMs = clock.now();
    failures = 0;
  }

  function answerError(c: Context<InstanceEnv>, error: unknown): Response {
    const requestId = c.var.requestId;
    const problem = asProblem(error);
    if (problem) {
      if (problem.status >= 500 && problem.cause !== undefined) warnOfFailure(c, problem);
      return problem.toResponse(requestId);
    }
    if (c.req.raw.signal.aborted) {
      // The client left, and that is why the handler failed: nobody reads this answer.
      return new Response(null, { status: 499 });
    }
    log.error("unexpected error", { requestId, path: c.req.path, error });
    return new Problem("internal").toResponse(requestId);
  }
  app.onError((error, c) => answerError(c, error));

  app.get("/healthz", (c) => c.json({ status: "live", instance: id, service }));
  app.get("/readyz", (c) => {
    const { kind } = lifecycle.state;
    if (kind === "ready") return c.json({ status: kind, instance: id, service });
    throw new Problem("unavailable", {
      detail: `Cannot take requests: the instance must be ready, received "${kind}"`,
      headers: { "retry-after": "1" },
    });
  });
  app.get("/metrics", (c) => c.body(metrics.text(), 200, { "content-type": METRICS_TYPE }));
  define(app);

  const methods = [...new Set(app.routes.map(({ method }) => method))].filter((m) => m !== "ALL");
  app.notFound((c) => {
    c.set("unmatched", true);
    const { path, method } = c.req;
    const allowed = methods.filter((candidate) =>
      app.router.match(candidate, path)[0].some(([[, route]]) => route.method === candidate)
    );
    if (allowed.includes("GET")) allowed.push("HEAD");
    allowed.sort();
    const received = `received "${method} ${path.slice(0, 100)}"`;
    const problem = allowed.length === 0 || allowed.includes(method)
      ? new Problem("not-found", { detail: `Cannot find a route: ${received}` })
      : new Problem("method-not-allowed", {
        detail: `Cannot use the method: it must be one of ${allowed.join(", ")}, ${received}`,
        headers: { allow: allowed.join(", ") },
      });
    return problem.toResponse(c.var.requestId);
  });
  return app;
}

/** Adds who answered what. Answers of `fetch` have headers that cannot be changed, so they are copied. */
function identify(c: Context<InstanceEnv>, id: string, requestId: string): void {
  try {
    c.res.headers.set("x-instance-id", id);
  } catch {
    const { res } = c;
    const headers = new Headers(res.headers);
    headers.set("x-instance-id", id);
    c.res = new Response(res.body, { status: res.status, headers });
  }
  c.res.headers.set(REQUEST_ID, requestId);
}

/** Template of the route that answered: that of a method if there is one, else of `app.all`. */
function routeTemplate(c: Context<InstanceEnv>): string {
  const routes = matchedRoutes(c);
  for (const { method, path } of routes) if (method !== "ALL") return path;
  return c.var.unmatched ? UNMATCHED : routes.at(-1)?.path ?? UNMATCHED;
}

function asProblem(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  // Hono's own middleware throws HTTPException, with a body that is not ours.
  if (error instanceof Error && "getResponse" in error && "status" in error) {
    const types = Object.keys(PROBLEMS) as ProblemType[];
    const type = types.find((name) => PROBLEMS[name].status === error.status);
    if (type) return new Problem(type, { cause: error });
  }
  return undefined;
}
