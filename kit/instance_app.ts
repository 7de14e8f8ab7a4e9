/**
 * What every instance does around its own routes: identify, count, log, answer errors, be probed.
 *
 * @module
 */
import { Hono } from "hono";
import { getPath } from "hono/utils/url";
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
  Bindings: {
    /** The connection; absent in tests without a socket. */
    peer: Partial<Peer> | undefined;
    /** Id of this request: accepted from the caller, or made here. */
    requestId: string;
    /** What is routed by; decoded. */
    path: string;
    /** Set when no route answered, though middleware may have matched. */
    unmatched: boolean;
  };
}

/** Label of requests that no route answers (preflights, too), so that clients cannot add series. */
export const UNMATCHED = "unmatched";

/** Answers a request: Hono's `fetch`, or what stands around it. */
export type Responder = (
  request: Request,
  env: InstanceEnv["Bindings"],
) => Response | Promise<Response>;

/** Where probes go: counted, but neither logged nor held against a drain, and never refused. */
export const PROBES: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);

/**
 * Makes the app of an instance; `define` adds its routes. `around` puts something before all of them: not
 * as middleware, because with one function to call for a request Hono calls it, with two it composes a
 * chain for each request.
 *
 * Every answer carries `x-instance-id` and `x-request-id`. Thrown {@linkcode Problem}s are rendered,
 * anything else thrown is logged and answered with a bare 500. A path with other methods answers 405
 * with `allow`. Requests are served in every state of the lifecycle; only `/readyz` tells them apart.
 */
export function createInstanceApp(
  context: InstanceContext,
  define: (app: Hono<InstanceEnv>) => void,
  around: (routes: Responder) => Responder = (routes) => routes,
): Hono<InstanceEnv> {
  const { id, service, clock, log, metrics, monitor, lifecycle, accessLog } = context;
  const app = new Hono<InstanceEnv>({ getPath: (_request, options) => options?.env?.path ?? "" });
  const nextRequestId = createRequestIds();
  metrics.watch({ monitor, lifecycle });

  let warnedAtMs = -Infinity;
  let failures = 0;
  /** At most once a second: when a dependency is away every request fails, and each is in the access log. */
  function warnOfFailure({ requestId, path }: InstanceEnv["Bindings"], error: Problem): void {
    failures++;
    if (clock.now() - warnedAtMs < 1_000) return;
    log.warn("requests failed", { failures, requestId, path, error });
    warnedAtMs = clock.now();
    failures = 0;
  }

  function answerError(request: Request, env: InstanceEnv["Bindings"], error: unknown): Response {
    const { requestId, path } = env;
    const problem = asProblem(error);
    if (problem) {
      if (problem.status >= 500 && problem.cause !== undefined) warnOfFailure(env, problem);
      return problem.toResponse(requestId);
    }
    if (request.signal.aborted) {
      // The client left, and that is why the handler failed: nobody reads this answer.
      return new Response(null, { status: 499 });
    }
    log.error("unexpected error", { requestId, path, error });
    return new Problem("internal").toResponse(requestId);
  }
  app.onError((error, c) => answerError(c.req.raw, c.env, error));

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
    c.env.unmatched = true;
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
    return problem.toResponse(c.env.requestId);
  });

  // Around Hono, not in its chain of middleware: one level less for each request (docs/decisions.md).
  const route = around(app.fetch);
  app.fetch = async function instance(request, connection) {
    const startMs = clock.now();
    const { method } = request;
    const requestId = acceptRequestId(request.headers.get(REQUEST_ID)) ?? nextRequestId();
    const path = getPath(request);
    const peer = connection as Partial<Peer> | undefined;
    const env: InstanceEnv["Bindings"] = { peer, requestId, path, unmatched: false };
    const probe = PROBES.has(path);
    if (!probe) lifecycle.enter();
    let answer: Response;
    try {
      answer = await route(request, env);
    } catch (error) {
      // Hono hands errors to onError; what arrives here was thrown around it, or without being an Error.
      answer = answerError(request, env, error);
    } finally {
      if (!probe) lifecycle.leave();
    }
    answer = identify(answer, id, requestId);
    const { status } = answer;
    const template = routeTemplate(app, method, env);
    const durationMs = clock.now() - startMs;
    metrics.observeRequest({ method, route: template, status, durationSeconds: durationMs / 1000 });
    if (accessLog && !probe) accessLog(method, path, template, status, durationMs, requestId);
    return answer;
  };
  return app;
}

/** Adds who answered what. Answers of `fetch` have headers that cannot be changed, so they are copied. */
function identify(answer: Response, id: string, requestId: string): Response {
  let named = answer;
  try {
    named.headers.set("x-instance-id", id);
  } catch {
    const headers = new Headers(answer.headers);
    headers.set("x-instance-id", id);
    named = new Response(answer.body, { status: answer.status, headers });
  }
  named.headers.set(REQUEST_ID, requestId);
  return named;
}

/** Template of the route that answered: that of a method if there is one, else of `app.all`. */
function routeTemplate(
  { router }: Hono<InstanceEnv>,
  method: string,
  { path, unmatched }: InstanceEnv["Bindings"],
): string {
  const [matches] = router.match(method === "HEAD" ? "GET" : method, path);
  let last = UNMATCHED;
  for (const [[, route]] of matches) {
    if (route.method !== "ALL") return route.path;
    last = route.path;
  }
  return unmatched ? UNMATCHED : last;
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
