/**
 * The parts that hostile requests are made of: right, wrong and rubbish.
 *
 * @module
 */
import fc from "fast-check";

export const CRLF = "\r\n";

export const method = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS") },
  { weight: 2, arbitrary: fc.constantFrom("PATCH", "TRACE", "CONNECT", "get", "GET\t", "PRI") },
  { weight: 1, arbitrary: fc.stringMatching(/^[A-Z!#$%&'*+.^_`|~-]{1,40}$/) },
);

export const route = fc.constantFrom(
  "/api/users",
  "/api/users/user-000001",
  "/api/orders",
  "/api/payments",
  "/api/dashboard",
  "/api/count",
  "/api/cpu-bound?ms=1",
  "/api/wait?ms=1",
  "/api/login",
  "/api/session",
  "/api/token",
  "/api/secure",
  "/api/limited",
  "/api/metrics",
);

const internal = fc.constantFrom("metrics", "healthz", "readyz", "faults", "users", "problem");
const climb = fc.constantFrom(
  "/api/..",
  "/api/%2e%2e",
  "/api/.%2e",
  "/api/..%2f",
  "/api/%2e%2e%2f",
  "/api/%252e%252e",
  "/api/..%5c",
  "/api/..\\",
  "/api/..;",
  "/api/users/../..",
  "/",
  "//",
  "/./",
  "/api/../",
  "/%61pi/..",
  "http://localhost",
  "http://localhost:3001/",
  "*",
  "/api/users/x%00",
  "/api/users/x%0d%0a",
);

const parameter = fc.tuple(
  fc.constantFrom("user", "limit", "cursor", "ms", "mode", "__proto__", "a[]", ""),
  fc.oneof(
    fc.string({ maxLength: 60 }).map(encodeURIComponent),
    fc.constantFrom(
      "-1",
      "1e9",
      "NaN",
      "0x10",
      "%",
      "%zz",
      "%00",
      "' or 1=1--",
      "..",
      "user-000001",
    ),
    fc.integer().map(String),
  ),
).map(([name, value]) => `${name}=${value}`);
export const query = fc.array(parameter, { maxLength: 4 }).map((list) =>
  list.length ? `?${list.join("&")}` : ""
);

export const rawBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) =>
  String.fromCharCode(...bytes)
);

export const target = fc.oneof(
  { weight: 14, arbitrary: fc.tuple(route, query).map((parts) => parts.join("")) },
  { weight: 3, arbitrary: fc.tuple(climb, internal).map((parts) => parts.join("/")) },
  { weight: 2, arbitrary: fc.tuple(climb, internal).map((parts) => parts.join("")) },
  { weight: 1, arbitrary: fc.webPath().map((path) => `/api${path}`) },
  { weight: 1, arbitrary: rawBytes.map((bytes) => `/api/${bytes.replaceAll(/[\s]/g, "_")}`) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 20_000 }).map((n) => `/api/${"a".repeat(n)}`) },
);

export const named = fc.tuple(
  fc.constantFrom(
    "Accept",
    "Authorization",
    "Connection",
    "Content-Type",
    "Cookie",
    "Expect",
    "Forwarded",
    "Idempotency-Key",
    "If-None-Match",
    "Origin",
    "Range",
    "TE",
    "Traceparent",
    "Trailer",
    "Upgrade",
    "X-Deadline-Ms",
    "X-Forwarded-For",
    "X-HTTP-Method-Override",
    "X-Original-URL",
    "X-Real-IP",
    "X-Request-Id",
    "X-Request-Start",
    "X-Rewrite-URL",
    "HTTP2-Settings",
    "Host",
  ),
  fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.constantFrom(
      "close",
      "keep-alive, x-real-ip",
      "h2c",
      "websocket",
      "100-continue",
      "Bearer null",
      "application/json",
      "text/html",
      "127.0.0.1",
      "/metrics",
      "bytes=0-",
      "trailers",
      "-1",
      "t=0",
      "9".repeat(400),
    ),
  ),
).map(([name, value]) => `${name}: ${value.replaceAll(/[\r\n]/g, " ")}`);

export const header = fc.oneof(
  { weight: 40, arbitrary: named },
  // May hold line ends, NUL, anything.
  { weight: 2, arbitrary: rawBytes.map((bytes) => `X-Raw: ${bytes}`) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 30_000 }).map((n) => `X-Large: ${"b".repeat(n)}`),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      "NoColon",
      " : x",
      "X Y: z",
      " folded: x",
      "X-Fold: a\r\n b",
      "X\0: y",
      ": y",
    ),
  },
);

export const json = fc.oneof(
  fc.json(),
  fc.constantFrom(
    "{",
    "[]",
    "null",
    '{"__proto__":{"admin":true}}',
    '{"userId":"user-000001","items":[]}',
    '{"user":"user-000001","password":"x"}',
    "[".repeat(5_000),
    `{"a":"${"c".repeat(10_000)}"}`,
  ),
);
const body = fc.oneof(
  json,
  rawBytes,
  fc.integer({ min: 0, max: 70_000 }).map((n) => "d".repeat(n)),
);

/** How the length of a body is told: rightly most times. */
export const framed = fc.tuple(body, fc.integer({ min: 0, max: 9 })).map(([body, way]) => {
  const { length } = utf8(body);
  const hex = length.toString(16);
  if (way < 5) return { head: [`Content-Length: ${length}`], body };
  if (way === 5) return { head: ["Transfer-Encoding: chunked"], body: chunked(body, hex) };
  if (way === 6) return { head: [`Content-Length: ${length + 10}`], body }; // the rest never comes
  if (way === 7) return { head: ["Transfer-Encoding: chunked"], body: `${hex}\r\n${body}\r\n` };
  if (way === 8) return { head: [`Content-Length: ${Math.max(0, length - 5)}`], body };
  return { head: ["Transfer-Encoding: chunked"], body: `${hex}zz\r\n${body}` };
});

function chunked(body: string, hex: string): string {
  return body === "" ? "0\r\n\r\n" : `${hex}\r\n${utf8(body)}\r\n0\r\n\r\n`;
}

/** UTF-8 bytes of a text that has characters past latin1, as latin1; others stay as they are. */
export function utf8(text: string): string {
  if ([...text].every((character) => character.charCodeAt(0) < 256)) return text;
  return String.fromCharCode(...new TextEncoder().encode(text));
}
