/**
 * Requests that nobody should send, generated from a seed, with known smuggling attempts among them.
 *
 * @module
 */
import fc from "fast-check";
import {
  CRLF,
  framed,
  header,
  json,
  method,
  named,
  query,
  rawBytes,
  route,
  target,
  utf8,
} from "./fields.ts";
import { smuggling } from "./smuggling.ts";

/** Bytes for one connection, as latin1 text. */
export interface HostileRequest {
  bytes: string;
  /** What kind it is, for the report of a failure. */
  kind: string;
}

const structured = fc.record({
  method,
  target,
  headers: fc.array(header, { maxLength: 6 }),
  content: fc.option(framed, { freq: 2 }),
  version: fc.oneof(
    { weight: 20, arbitrary: fc.constant("HTTP/1.1") },
    {
      weight: 1,
      arbitrary: fc.constantFrom("HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/9", "http/1.1", ""),
    },
  ),
  lineEnd: fc.oneof(
    { weight: 20, arbitrary: fc.constant(CRLF) },
    { weight: 1, arbitrary: fc.constantFrom("\n", "\r", "\n\r") },
  ),
}).map(({ method, target, headers, content, version, lineEnd }): HostileRequest => {
  const type = content ? ["Content-Type: application/json", ...content.head] : [];
  const lines = [`${method} ${target} ${version}`, "Host: localhost", ...headers, ...type];
  const bytes = [...lines, "Connection: close", "", ""].join(lineEnd) + (content?.body ?? "");
  return { bytes: utf8(bytes), kind: "structured" };
});

/** Well-formed, so that parsers let it through: what it asks for is the nuisance. */
const wellFormed = fc.record({
  method: fc.constantFrom("GET", "GET", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS"),
  target: fc.tuple(
    fc.oneof(route, fc.webSegment().map((segment) => `/api/orders/${segment || "x"}`)),
    query,
  ).map(([path, query]) => path.includes("?") ? path : path + query),
  headers: fc.array(named.filter((line) => /^(?!Expect|Upgrade)[ -~]*$/.test(line)), {
    maxLength: 5,
  }),
  content: fc.option(json, { freq: 2 }),
}).map(({ method, target, headers, content }): HostileRequest => {
  const body = content === null ? "" : utf8(content);
  const type = ["Content-Type: application/json", `Content-Length: ${body.length}`];
  const lines = [`${method} ${target} HTTP/1.1`, "Host: localhost", ...headers, ...type];
  return { bytes: [...lines, "Connection: close", "", body].join(CRLF), kind: "well-formed" };
});

const noise = rawBytes.map((bytes): HostileRequest => ({
  bytes: `${bytes}\r\n\r\n`,
  kind: "noise",
}));

/**
 * A good request with a few bytes changed, added or left out. Not for `/api/cpu-bound`: without its
 * parameter it blocks for three seconds, which is what it is there to demonstrate.
 */
const mutated = fc.tuple(
  route.filter((path) => !path.startsWith("/api/cpu-bound")),
  fc.array(fc.tuple(fc.nat(10_000), fc.nat(255), fc.nat(2)), { minLength: 1, maxLength: 4 }),
).map(([path, edits]): HostileRequest => {
  let bytes = ["GET " + path + " HTTP/1.1", "Host: localhost", "Connection: close", "", ""].join(
    CRLF,
  );
  for (const [at, byte, way] of edits) {
    const index = at % bytes.length;
    const character = String.fromCharCode(byte);
    bytes = bytes.slice(0, index) + (way === 0 ? "" : character) +
      bytes.slice(index + (way === 1 ? 0 : 1));
  }
  return { bytes, kind: "mutated" };
});

const generated = fc.oneof(
  { weight: 12, arbitrary: wellFormed },
  { weight: 10, arbitrary: structured },
  { weight: 4, arbitrary: mutated },
  { weight: 1, arbitrary: noise },
);

/** `count` requests, the same for the same seed; one in twenty is one of {@linkcode smuggling}. */
export function hostileRequests(count: number, seed: number): HostileRequest[] {
  const fixed = smuggling();
  return fc.sample(generated, { numRuns: count, seed })
    .map((request, index) =>
      index % 20 === 0 ? fixed[index / 20 % fixed.length] ?? request : request
    );
}
