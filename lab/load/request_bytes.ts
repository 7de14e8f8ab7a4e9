/**
 * Renders what a probe asks for to the bytes that go over the wire.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { ClientRequest } from "./client.ts";
import type { ProbePlan } from "./probe_plan.ts";

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** The request for one target, with `connection: close` when every request has its own connection. */
export function requestOf(
  target: ProbePlan["targets"][number],
  connections: ProbePlan["connections"],
): ClientRequest {
  const { method, headers, body, localAddress } = target;
  const url = new URL(target.url);
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const head = [
    `${method} ${url.pathname}${url.search} HTTP/1.1`,
    ...(names.has("host") ? [] : [`host: ${url.host}`]),
    ...(names.has("user-agent") ? [] : ["user-agent: scaling-lab-prober"]),
    ...(names.has("connection")
      ? []
      : [`connection: ${connections === "fresh" ? "close" : "keep-alive"}`]),
    ...(body === undefined ? [] : [`content-length: ${Buffer.byteLength(body)}`]),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || 80),
    bytes: new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n${body ?? ""}`),
    toHead: method === "HEAD",
    idempotent: IDEMPOTENT.has(method),
    ...(localAddress === undefined ? {} : { localAddress }),
  };
}
