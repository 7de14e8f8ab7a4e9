/**
 * The table of errors, through both fronts: every wrong request has its status and a problem+json that
 * names what was wrong. `part_away_test.ts` has the same for parts of the system.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- one request after the other
import assert from "node:assert/strict";
import { requires } from "../requires.ts";
import { startTestStack } from "../stack.ts";

interface Case {
  name: string;
  path: string;
  init?: RequestInit;
  status: number;
  /** Kind of problem. */
  type: string;
  /** What the answer must name: a field, a parameter or a reason. */
  names?: RegExp;
  headers?: Record<string, RegExp>;
}

const order = { userId: "usr_000000000001", items: [{ sku: "a", quantity: 1, unitPriceCents: 1 }] };
const post = (body: BodyInit, type = "application/json"): RequestInit => ({
  method: "POST",
  headers: { "content-type": type },
  body,
});

const CASES: readonly Case[] = [
  { name: "unknown route", path: "/api/nowhere", status: 404, type: "not-found" },
  { name: "outside of /api", path: "/users", status: 404, type: "not-found" },
  { name: "an instance's own endpoint", path: "/metrics", status: 404, type: "not-found" },
  {
    name: "wrong method",
    path: "/api/dashboard",
    init: { method: "DELETE" },
    status: 405,
    type: "method-not-allowed",
    headers: { allow: /GET/ },
  },
  {
    name: "wrong method of a forwarded route",
    path: "/api/users",
    init: { method: "PATCH" },
    status: 405,
    type: "method-not-allowed",
    headers: { allow: /GET/ },
  },
  {
    name: "malformed JSON",
    path: "/api/orders",
    init: post("{"),
    status: 400,
    type: "malformed-json",
  },
  {
    name: "schema violation",
    path: "/api/orders",
    init: post(JSON.stringify({ ...order, items: [{ ...order.items[0], quantity: 0 }] })),
    status: 422,
    type: "schema-violation",
    names: /"\/items\/0\/quantity"/,
  },
  {
    name: "schema violation, several at once",
    path: "/api/orders",
    init: post("{}"),
    status: 422,
    type: "schema-violation",
    names: /"\/userId"[^]*"\/items"/,
  },
  {
    name: "wrong content type",
    path: "/api/orders",
    init: post(JSON.stringify(order), "text/plain"),
    status: 415,
    type: "unsupported-media-type",
    names: /application\/json/,
  },
  {
    name: "body over 1 MiB",
    path: "/api/orders",
    init: post(`"${"x".repeat(1_048_576)}"`),
    status: 413,
    type: "payload-too-large",
  },
  {
    name: "bad cursor",
    path: "/api/orders?cursor=%25",
    status: 400,
    type: "invalid-parameter",
    names: /cursor/,
  },
  {
    name: "bad limit",
    path: "/api/users?limit=0",
    status: 400,
    type: "invalid-parameter",
    names: /limit/,
  },
  {
    name: "bad ms",
    path: "/api/wait?ms=-1",
    status: 400,
    type: "invalid-parameter",
    names: /ms/,
  },
  {
    name: "bad mode",
    path: "/api/cpu-bound?ms=1&mode=none",
    status: 400,
    type: "invalid-parameter",
    names: /mode/,
  },
  { name: "unknown user", path: "/api/users/usr_none", status: 404, type: "not-found" },
  { name: "unknown order", path: "/api/orders/ord_none", status: 404, type: "not-found" },
  {
    name: "dashboard of nobody",
    path: "/api/dashboard?user=usr_none",
    status: 404,
    type: "not-found",
  },
  {
    name: "dashboard without a user",
    path: "/api/dashboard",
    status: 400,
    type: "invalid-parameter",
    names: /user/,
  },
  // Either would reach another service's route if a part of the chain decoded it.
  { name: "encoded slash", path: "/api/users/..%2forders", status: 400, type: "bad-request" },
  { name: "encoded dots", path: "/api/users/%2e%2e/orders", status: 400, type: "bad-request" },
  { name: "encoded backslash", path: "/api/users/..%5corders", status: 400, type: "bad-request" },
];

/** A request whose path no client library may tidy up. */
async function request(url: string, { path, init = {} }: Pick<Case, "path" | "init">) {
  const { hostname, port } = new URL(url);
  if (!/%2e/i.test(path)) return await fetch(url + path, init);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const head = `GET ${path} HTTP/1.1\r\nhost: ${hostname}\r\nconnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(head));
  const text = await new Response(connection.readable).text();
  const [top = "", ...rest] = text.split("\r\n\r\n");
  const [line = "", ...fields] = top.split("\r\n");
  const headers = fields.map((field) => field.split(/:\s*/, 2) as [string, string]);
  const chunked = rest.join("\r\n\r\n");
  const body = chunked.slice(chunked.indexOf("{"), chunked.lastIndexOf("}") + 1);
  return new Response(body, { status: Number(line.split(" ")[1]), headers });
}

for (const [front, runtime] of [["nginx", "deno"], ["caddy", "node"]] as const) {
  Deno.test({
    name:
      `every wrong request has its status and a problem that names the reason: ${front}, ${runtime}`,
    ...requires(front, "redis-server", ...(runtime === "node" ? ["node" as const] : [])),
    async fn() {
      await using stack = await startTestStack({ front, runtime, replicas: 1 });
      for (const { name, status, type, names, headers = {}, ...wrong } of CASES) {
        const response = await request(stack.url, wrong);
        const text = await response.text();
        const described = `${name}: ${response.status} ${text}`;
        assert.equal(response.status, status, described);
        const contentType = response.headers.get("content-type") ?? "";
        assert.match(contentType, /^application\/problem\+json/, described);
        const problem = JSON.parse(text);
        assert.deepEqual([problem.type, problem.status], [`/problems/${type}`, status], described);
        assert.match(problem.detail, /^(Cannot|There is no) /, described);
        if (names) assert.match(text, names, described);
        for (const [header, value] of Object.entries(headers)) {
          assert.match(response.headers.get(header) ?? "", value, described);
        }
        assert.ok(response.headers.get("x-request-id"), described);
        assert.ok(response.headers.get("x-instance-id"), described);
      }
    },
  });
}
