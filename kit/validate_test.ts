// deno-lint-ignore-file no-await-in-loop -- one case after the other is the point
import assert from "node:assert/strict";
import { Hono } from "hono";
import { z } from "zod";
import { Problem } from "./problem.ts";
import { parseJsonBody, parseQuery } from "./validate.ts";

const schema = z.object({
  name: z.string(),
  items: z.array(z.object({ "a/b~c": z.int() })).default([]),
});

function post(body: BodyInit | null, headers: Record<string, string> = {}): Request {
  return new Request("http://localhost/", {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
}

async function problemOf(promise: Promise<unknown>): Promise<Problem> {
  const error = await promise.then(() => assert.fail("accepted"), (error) => error);
  assert.ok(error instanceof Problem, String(error));
  return error;
}

Deno.test("parseJsonBody() returns what the schema makes of the body", async () => {
  assert.deepEqual(await parseJsonBody(post('{"name":"é","extra":1}'), schema), {
    name: "é",
    items: [],
  });
});

Deno.test("parseJsonBody() takes JSON content types only", async () => {
  const good = [
    "application/json",
    "Application/JSON; charset=utf-8",
    "application/json;x=y",
    "application/vnd.api+json",
  ];
  for (const type of good) {
    const request = post('{"name":""}', { "content-type": type });
    assert.equal((await parseJsonBody(request, schema)).name, "", type);
  }
  const bad = ["text/plain", "application/jsonx", "text/json", "application/x-www-form-urlencoded"];
  for (const type of bad) {
    const request = post('{"name":""}', { "content-type": type });
    assert.equal((await problemOf(parseJsonBody(request, schema))).status, 415, type);
  }
  const none = new Request("http://localhost/", { method: "POST", body: new Uint8Array(1) });
  assert.equal((await problemOf(parseJsonBody(none, schema))).status, 415);
  const packed = post('{"name":""}', { "content-encoding": "gzip" });
  assert.equal((await problemOf(parseJsonBody(packed, schema))).status, 415);
});

Deno.test("parseJsonBody() answers 400 when the body is not JSON", async () => {
  const bodies: [BodyInit | null, string][] = [
    [null, "no body"],
    ["", "empty"],
    ["{", "cut off"],
    ['{"name":"a"}x', "followed by rubbish"],
    ["\ufeff{}", "byte order mark"],
    [new Uint8Array([0x22, 0xff, 0x22]), "not UTF-8"],
    ["[".repeat(100_000), "deeply nested"],
  ];
  for (const [body, what] of bodies) {
    const problem = await problemOf(parseJsonBody(post(body), schema));
    assert.deepEqual([problem.status, problem.type], [400, "malformed-json"], what);
  }
});

Deno.test("parseJsonBody() names each violated rule with a JSON pointer", async () => {
  const problem = await problemOf(
    parseJsonBody(post('{"items":[{"a/b~c":1},{"a/b~c":"x"}]}'), schema),
  );
  assert.equal(problem.status, 422);
  assert.deepEqual(problem.errors?.map(({ field }) => field), ["/name", "/items/1/a~1b~0c"]);
  const root = await problemOf(parseJsonBody(post("[]"), schema));
  assert.deepEqual(root.errors?.map(({ field }) => field), [""]);
  const strict = await problemOf(parseJsonBody(post('{"a":1,"b":2}'), z.strictObject({})));
  assert.deepEqual(strict.errors?.map(({ field }) => field), ["/a", "/b"]);
});

Deno.test("parseJsonBody() lists at most 50 violations", async () => {
  const body = JSON.stringify(Array.from({ length: 5_000 }, () => "x"));
  const problem = await problemOf(parseJsonBody(post(body), z.array(z.int())));
  assert.equal(problem.errors?.length, 50);
});

Deno.test("parseJsonBody() takes maxBytes and not one more", async () => {
  const exact = `{"name":"${"x".repeat(100 - 11)}"}`;
  assert.equal(exact.length, 100);
  await parseJsonBody(post(exact), schema, { maxBytes: 100 });
  const problem = await problemOf(parseJsonBody(post(exact), schema, { maxBytes: 99 }));
  assert.equal(problem.status, 413);
});

Deno.test("parseJsonBody() stops reading a body that is longer than it said", async () => {
  let pulled = 0;
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(10));
    },
    cancel() {
      cancelled = true;
    },
  });
  const request = post(endless, { "content-length": "10" });
  const problem = await problemOf(parseJsonBody(request, schema, { maxBytes: 100 }));
  assert.equal(problem.status, 413);
  assert.ok(pulled < 20, `${pulled} chunks were read`);
  assert.equal(cancelled, true);
});

Deno.test("parseJsonBody() refuses a declared length before reading", async () => {
  let pulled = 0;
  const body = new ReadableStream({
    pull() {
      pulled++;
    },
  }, { highWaterMark: 0 });
  const request = post(body, { "content-length": "101" });
  assert.equal(
    (await problemOf(parseJsonBody(request, schema, { maxBytes: 100 }))).status,
    413,
  );
  assert.equal(pulled, 0);
});

const listQuery = z.object({ limit: z.coerce.number().int().min(1).max(100).default(20) });

async function query(text: string): Promise<unknown> {
  const app = new Hono();
  app.get("/", (c) => c.json(parseQuery(c, listQuery)));
  app.onError((error) => error instanceof Problem ? error.toResponse() : Response.error());
  return await (await app.request(`/${text}`)).json();
}

Deno.test("parseQuery() returns what the schema makes of the query", async () => {
  assert.deepEqual(await query(""), { limit: 20 });
  assert.deepEqual(await query("?limit=7&other=x"), { limit: 7 });
  assert.deepEqual(await query("?__proto__=x"), { limit: 20 });
});

Deno.test("parseQuery() answers 400 and names the parameter", async () => {
  for (
    const text of ["?limit=0", "?limit=101", "?limit=x", "?limit=1.5", "?limit=%FF", "?limit="]
  ) {
    const body = await query(text) as {
      status: number;
      detail: string;
      errors: { field: string }[];
    };
    assert.equal(body.status, 400, text);
    assert.deepEqual(body.errors.map(({ field }) => field), ["limit"], text);
    assert.match(body.detail, /limit/);
  }
});

Deno.test("parseQuery() refuses a parameter that is given twice", async () => {
  const body = await query("?limit=1&limit=2") as { status: number; errors: unknown };
  assert.equal(body.status, 400);
  assert.deepEqual(body.errors, [{ field: "limit", message: "must be given once" }]);
});
