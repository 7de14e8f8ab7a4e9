/**
 * `/api/users`, `/api/orders`, `/api/payments`: passed on to the services, streaming both ways.
 *
 * @module
 */
import type { Context } from "hono";
import { forwardedFields } from "../kit/forwarded.ts";
import type { InstanceEnv } from "../kit/instance_app.ts";
import { Problem } from "../kit/problem.ts";
import { acceptTraceparent } from "../kit/request_context.ts";
import { endToEnd, type HeaderList, withHopByHop } from "../kit/upstream/headers.ts";
import { checkContentLength, RequestBody } from "../kit/upstream/request_body.ts";
import type { GatewayApp, GatewayParts, UpstreamName } from "./gateway.ts";

/** Not passed on: rebuilt here, meant for the gateway alone, or nobody's business. */
const DROPPED_FROM_REQUEST = withHopByHop(
  "accept-encoding",
  "authorization",
  "content-length",
  "cookie",
  "expect",
  "forwarded",
  "host",
  "traceparent",
  "tracestate",
  "via",
  "x-deadline-ms",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-real-ip",
  "x-request-id",
  "x-request-start",
);
const DROPPED_FROM_ANSWER = withHopByHop("location", "x-instance-id", "x-request-id");
/** fetch has decompressed the body (it was asked for none, so this is a service that ignores that). */
const DROPPED_FROM_DECODED = withHopByHop(
  "content-encoding",
  "content-length",
  "location",
  "x-instance-id",
  "x-request-id",
);

/** Ids as the services make them, and nothing that could change the meaning of a URL. */
const ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Adds the routes that are passed on. */
export function forwardRoutes(app: GatewayApp, parts: GatewayParts): void {
  const { upstreams, config, clock, findOrigin } = parts;

  async function forward(
    c: Context<InstanceEnv>,
    service: UpstreamName,
    path: string,
  ): Promise<Response> {
    const { raw } = c.req;
    checkContentLength(raw.headers, config.MAX_BODY_BYTES);
    const answer = await upstreams[service].send({
      method: raw.method,
      path: path + search(raw.url),
      headers: requestHeaders(c, forwardedFields(findOrigin(raw.headers, c.env?.remoteAddress))),
      deadlineAtMs: clock.now() + config.UPSTREAM_TIMEOUT_MS,
      credentials: credentials(raw.headers),
      ...(raw.method !== "GET" && raw.method !== "HEAD" && raw.body
        ? { body: new RequestBody(raw.body, config.MAX_BODY_BYTES) }
        : {}),
    });
    return new Response(answer.body, {
      status: answer.status,
      headers: answerHeaders(answer.headers),
    });
  }

  app.get("/api/users", (c) => forward(c, "users", "/users"));
  app.get("/api/users/:id", (c) => forward(c, "users", `/users/${checkId(c)}`));
  app.on(["GET", "POST"], "/api/orders", (c) => forward(c, "orders", "/orders"));
  app.get("/api/orders/:id", (c) => forward(c, "orders", `/orders/${checkId(c)}`));
  app.post("/api/payments", (c) => forward(c, "payments", "/payments"));
  app.get("/api/payments/:id", (c) => forward(c, "payments", `/payments/${checkId(c)}`));
}

/** Fields that every request to a service carries. */
export function requestHeaders(c: Context<InstanceEnv>, more: HeaderList): HeaderList {
  const { headers } = c.req.raw;
  const fields = endToEnd(headers, DROPPED_FROM_REQUEST);
  fields.push(...more, ["x-request-id", c.var.requestId]);
  const traceparent = acceptTraceparent(headers.get("traceparent"));
  if (traceparent !== undefined) {
    fields.push(["traceparent", traceparent]);
    const tracestate = headers.get("tracestate");
    if (tracestate !== null) fields.push(["tracestate", tracestate]);
  }
  return fields;
}

/** Stands for whoever asks: nobody else may see the answer. */
export function credentials(headers: Headers): string {
  return `${headers.get("authorization") ?? ""}\n${headers.get("cookie") ?? ""}`;
}

function answerHeaders(headers: Headers): HeaderList {
  const decoded = headers.has("content-encoding");
  const fields = endToEnd(headers, decoded ? DROPPED_FROM_DECODED : DROPPED_FROM_ANSWER);
  const location = headers.get("location");
  // What is `/orders/1` at the service is `/api/orders/1` here.
  if (location !== null) fields.push(["location", location.replace(/^\/(?!\/)/, "/api/")]);
  return fields;
}

function checkId(c: Context<InstanceEnv>): string {
  const id = c.req.param("id") ?? "";
  if (ID.test(id)) return id;
  throw new Problem("not-found", {
    detail: `Cannot find the resource: id must match ${ID.source}, received "${id.slice(0, 100)}"`,
  });
}

/** The query with its `?`, as the client wrote it. */
function search(url: string): string {
  const start = url.indexOf("?");
  if (start < 0) return "";
  const end = url.indexOf("#", start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}
