/**
 * Requests that nobody should send: generated from a seed, and a fixed list of attempts to make two
 * programs in a row read one request differently.
 *
 * @module
 */
import fc from "fast-check";

/** Bytes for one connection, as latin1 text. */
export interface HostileRequest {
  bytes: string;
  /** What kind it is, for the report of a failure. */
  kind: string;
}

const CRLF = "\r\n";

const method = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS") },
  { weight: 2, arbitrary: fc.constantFrom("PATCH", "TRACE", "CONNECT", "get", "GET\t", "PRI") },
  { weight: 1, arbitrary: fc.stringMatching(/^[A-Z!#$%&'*+.^_`|~-]{1,40}$/) },
);

const route = fc.constantFrom(
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
const query = fc.array(parameter, { maxLength: 4 }).map((list) =>
  list.length ? `?${list.join("&")}` : ""
);

const rawBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => String.fromCharCode(...bytes));

const target = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(route, query).map((parts) => parts.join("")) },
  { weight: 3, arbitrary: fc.tuple(climb, internal).map((parts) => parts.join("/")) },
  { weight: 2, arbitrary: fc.tuple(climb, internal).map((parts) => parts.join("")) },
  { weight: 1, arbitrary: fc.webPath().map((path) => `/api${path}`) },
  { weight: 1, arbitrary: rawBytes.map((bytes) => `/api/${bytes.replaceAll(/[\s]/g, "_")}`) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 20_000 }).map((n) => `/api/${"a".repeat(n)}`) },
);

const named = fc.tuple(
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

const header = fc.oneof(
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

const json = fc.oneof(
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
const framed = fc.tuple(body, fc.integer({ min: 0, max: 9 })).map(([body, way]) => {
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
  { weight: 14, arbitrary: structured },
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

/**
 * Requests with a second one hidden in them, for the front to see one and the replica two. The hidden
 * one asks for what only the replica's own port gives.
 */
export function smuggling(): HostileRequest[] {
  const hidden = ["GET /metrics HTTP/1.1", "Host: localhost", "X-Smuggled: 1", "", ""].join(CRLF);
  const size = hidden.length.toString(16);
  const post = (head: string[], body: string, end = CRLF) =>
    [
      "POST /api/orders HTTP/1.1",
      "Host: localhost",
      "Content-Type: application/json",
      ...head,
      "",
      "",
    ]
      .join(end) + body;
  const length = hidden.length + 5;
  const te = (value: string) => [`Content-Length: ${length}`, `Transfer-Encoding: ${value}`];
  const both = `0\r\n\r\n${hidden}`;
  const requests: Record<string, string> = {
    "CL.TE": post(te("chunked"), both),
    "TE.CL": post(
      ["Transfer-Encoding: chunked", "Content-Length: 4"],
      `${size}\r\n${hidden}\r\n0\r\n\r\n`,
    ),
    "TE with a tab": post(te("\tchunked"), both),
    "TE with a space before the colon": post(
      [`Content-Length: ${length}`, "Transfer-Encoding : chunked"],
      both,
    ),
    "TE xchunked": post(te("xchunked"), both),
    "TE chunked, identity": post(te("chunked, identity"), both),
    "TE identity, chunked": post(te("identity, chunked"), both),
    "TE twice": post([...te("chunked"), "Transfer-Encoding: x"], both),
    "TE in capitals": post(te("CHUNKED"), both),
    "TE folded": post([`Content-Length: ${length}`, "Transfer-Encoding:\r\n chunked"], both),
    "TE with a vertical tab": post(te("\x0bchunked"), both),
    "TE under another name": post(
      [`Content-Length: ${length}`, "Transfer_Encoding: chunked"],
      both,
    ),
    "TE with NUL": post(te("chunked\0"), both),
    "TE in HTTP/1.0": post(te("chunked"), both).replace("HTTP/1.1", "HTTP/1.0"),
    "CL twice": post(["Content-Length: 5", `Content-Length: ${length}`], both),
    "CL list": post([`Content-Length: 5, ${length}`], both),
    "CL with a plus": post([`Content-Length: +5`], `12345${hidden}`),
    "CL with a sign": post([`Content-Length: -5`], hidden),
    "CL with zeros": post([`Content-Length: 0005`], `12345${hidden}`),
    "CL in hex": post([`Content-Length: 0x5`], `12345${hidden}`),
    "CL with a space": post([`Content-Length: 5 5`], `12345${hidden}`),
    "CL 0 with a body": post(["Content-Length: 0"], hidden),
    "CL on GET": post([`Content-Length: ${hidden.length}`], hidden).replace("POST", "GET"),
    "CL huge": post([`Content-Length: 18446744073709551621`], `12345${hidden}`),
    "bare LF": post(["Content-Length: 0"], hidden, "\n"),
    "bare LF before the hidden head": post([`X: y\n${te("chunked").join("\n")}`], both),
    "bare CR": post(
      [`X: y\rTransfer-Encoding: chunked`, "Content-Length: 5"],
      `0\r\n\r\n${hidden}`,
    ),
    "obs-fold": post(["X: y\r\n Transfer-Encoding: chunked", "Content-Length: 0"], hidden),
    "chunk extension": post(
      ["Transfer-Encoding: chunked"],
      `5;a="\r\n"\r\n12345\r\n0\r\n\r\n${hidden}`,
    ),
    "chunk extension with LF": post(
      ["Transfer-Encoding: chunked"],
      `2;\nxx\r\n${size}\r\n0\r\n\r\n${hidden}`,
    ),
    "chunk size that overflows": post(
      ["Transfer-Encoding: chunked"],
      `ffffffffffffffff5\r\n12345\r\n0\r\n\r\n${hidden}`,
    ),
    "chunk size with a minus": post(
      ["Transfer-Encoding: chunked"],
      `-5\r\n12345\r\n0\r\n\r\n${hidden}`,
    ),
    "chunk without its end": post(["Transfer-Encoding: chunked"], `5\r\n12345XX0\r\n\r\n${hidden}`),
    "trailer with a length": post(
      ["Transfer-Encoding: chunked"],
      `0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    ),
    "Expect and a body at once": post(["Expect: 100-continue", "Content-Length: 0"], hidden),
    "Upgrade to h2c": post(
      ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"],
      hidden,
    ),
    "Connection names Content-Length": post(
      ["Connection: content-length", `Content-Length: ${hidden.length}`],
      hidden,
    ),
    "head in the target": `GET /api/users HTTP/1.1\r\nX: y\r\n\r\n${hidden}`,
    "CRLF in the target":
      `GET /api/users%20HTTP/1.1%0d%0aHost:%20a%0d%0a%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`,
    "pipelined": post(["Content-Length: 2"], `{}${hidden}`),
    "line before the request": `\r\n\r\n${post(["Content-Length: 2"], `{}${hidden}`)}`,
  };
  return Object.entries(requests).map(([kind, bytes]) => ({ kind, bytes }));
}

/** UTF-8 bytes of a text that has characters past latin1, as latin1; others stay as they are. */
function utf8(text: string): string {
  if ([...text].every((character) => character.charCodeAt(0) < 256)) return text;
  return String.fromCharCode(...new TextEncoder().encode(text));
}
