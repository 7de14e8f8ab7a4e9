/**
 * `/api/users`, `/api/orders`, `/api/payments`: passed on to the services, streaming both ways.
 *
 * @module
 */
import type { Context } from "hono";
import { type FindOrigin, setForwarded } from "../kit/forwarded.ts";
import type { InstanceEnv } from "../kit/instance_app.ts";
import { Problem } from "../kit/problem.ts";
import { acceptTraceparent } from "../kit/request_context.ts";
import {
  hasAny,
  type HeaderFields,
  HOP_BY_HOP,
  removeHopByHop,
  splitFields,
} from "../kit/upstream/headers.ts";
import { checkContentLength, RequestBody } from "../kit/upstream/request_body.ts";
import type { GatewayApp, GatewayParts, UpstreamName } from "./gateway.ts";

/** Not passed on: rebuilt here, meant for the gateway alone, or nobody's business. */
const WITHHELD = new Set([
  ...HOP_BY_HOP,
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
]);
/** What is not passed on as a service answered it. */
const CLEANED = new Set([...HOP_BY_HOP, "location"]);
/** Ids as the services make them, and nothing that could change the meaning of a URL. */
export const ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Adds the routes that are passed on. */
export function forwardRoutes(app: GatewayApp, parts: GatewayParts): void {
  const { upstreams, config, clock, findOrigin } = parts;

  async function forward(
    c: Context<InstanceEnv>,
    service: UpstreamName,
    path: string,
  ): Promise<Response> {
    const { raw } = c.req;
    const { fields, credentials, contentLength } = readFields(c, findOrigin);
    checkContentLength(contentLength, config.MAX_BODY_BYTES);
    const answer = await upstreams[service].send({
      method: raw.method,
      path: path + search(raw.url),
      headers: fields,
      deadlineAtMs: clock.now() + config.UPSTREAM_TIMEOUT_MS,
      credentials,
      streamed: true,
      ...(raw.method !== "GET" && raw.method !== "HEAD" && raw.body
        ? { body: new RequestBody(raw.body, config.MAX_BODY_BYTES) }
        : {}),
    });
    if (hasAny(answer.headers, CLEANED)) cleanAnswer(answer.headers);
    return answer;
  }

  app.get("/api/users", (c) => forward(c, "users", "/users"));
  app.get("/api/users/:id", (c) => forward(c, "users", `/users/${checkId(c)}`));
  app.on(["GET", "POST"], "/api/orders", (c) => forward(c, "orders", "/orders"));
  app.get("/api/orders/:id", (c) => forward(c, "orders", `/orders/${checkId(c)}`));
  app.post("/api/payments", (c) => forward(c, "payments", "/payments"));
  app.get("/api/payments/:id", (c) => forward(c, "payments", `/payments/${checkId(c)}`));
}

/** What of a client's request goes to a service, and on whose behalf. */
export interface RequestFields {
  /** The client's own fields, and those that tell a service where the request came from. */
  fields: HeaderFields;
  /** Stands for whoever asks: nobody else may see the answer. */
  credentials: string;
  /** What the client declared. */
  contentLength: string | undefined;
}

/** Reads the client's fields. */
export function readFields(c: Context<InstanceEnv>, findOrigin: FindOrigin): RequestFields {
  const { headers } = c.req.raw;
  const { passed: fields, withheld } = splitFields(headers, WITHHELD);
  setForwarded(fields, findOrigin(headers, c.env.peer?.remoteAddress));
  fields["x-request-id"] = c.env.requestId;
  // The front is the one who compresses. Said here and not at the attempt, because layers above it compare fields that an
  // answer varies with.
  fields["accept-encoding"] = "identity";
  const { traceparent, tracestate, authorization = "", cookie = "" } = withheld;
  if (traceparent !== undefined && acceptTraceparent(traceparent) !== undefined) {
    fields["traceparent"] = traceparent;
    if (tracestate !== undefined) fields["tracestate"] = tracestate;
  }
  return {
    fields,
    credentials: `${authorization}\n${cookie}`,
    contentLength: withheld["content-length"],
  };
}

function cleanAnswer(headers: Headers): void {
  removeHopByHop(headers);
  const location = headers.get("location");
  // What is `/orders/1` at the service is `/api/orders/1` here.
  if (location !== null) headers.set("location", location.replace(/^\/(?!\/)/, "/api/"));
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
