// deno-lint-ignore-file no-await-in-loop -- one request after the other is the point
import assert from "node:assert/strict";
import { HTTPException } from "hono/http-exception";
import { FakeClock } from "../testing/fake_clock.ts";
import { EventLoopMonitor } from "./event_loop_monitor.ts";
import { createInstanceApp, type InstanceContext } from "./instance_app.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { Logger } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { Problem } from "./problem.ts";

function setUp() {
  const clock = new FakeClock();
  const logged: { level: string; msg: string; fields: Record<string, unknown> | undefined }[] = [];
  const access: unknown[][] = [];
  const level = (level: string) => (msg: string, fields?: Record<string, unknown>) =>
    void logged.push({ level, msg, fields });
  const log: Logger = {
    debug: level("debug"),
    info: level("info"),
    warn: level("warn"),
    error: level("error"),
  };
  const context: InstanceContext = {
    id: "users-1",
    service: "users",
    runtime: "deno",
    clock,
    log,
    metrics: new Metrics({ instance: "users-1", service: "users", runtime: "deno" }),
    monitor: new EventLoopMonitor({ clock }),
    lifecycle: new Lifecycle({ clock }),
    accessLog: (...entry) => void access.push(entry),
  };
  const app = createInstanceApp(context, (app) => {
    app.get("/items/:id", (c) => {
      if (c.req.param("id") === "none") throw new Problem("not-found", { detail: "No such item" });
      return c.json({ id: c.req.param("id"), requestId: c.env.requestId });
    });
    app.delete("/items/:id", (c) => c.body(null, 204));
    app.post("/items", (c) => c.json({}, 201));
    app.get("/missing", (c) => c.notFound());
    app.get("/bug", () => {
      throw new Error("secret of the database");
    });
    app.get("/failing", () => {
      throw new Problem("bad-gateway", { cause: new Error("connection refused") });
    });
    app.get("/rude", () => {
      // deno-lint-ignore no-throw-literal -- libraries do it
      throw "not an error";
    });
    app.get("/hono", () => {
      throw new HTTPException(401, { message: "from a library" });
    });
    app.get("/fetched", () => {
      // The headers of what fetch() returns cannot be changed; redirect() makes such a response too.
      const response = Response.redirect("http://localhost/elsewhere", 302);
      assert.throws(() => response.headers.set("a", "b"));
      return response;
    });
    app.get("/stream", () =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode("streamed"));
            controller.close();
          },
        }),
      ));
    app.use("/guarded/*", (_c, next) => next());
    app.all("/any/*", (c) => c.text("any"));
    app.get("/in-flight", (c) => c.json(context.lifecycle.inFlight));
    app.get("/slow", async (c) => {
      await clock.sleep(250);
      return c.text("slow");
    });
  });
  return { app, context, clock, logged, access };
}

Deno.test("createInstanceApp() names instance and request on every kind of answer", async () => {
  const { app } = setUp();
  const cases: [string, RequestInit, number][] = [
    ["/items/1", {}, 200],
    ["/items/1", { method: "HEAD" }, 200],
    ["/items/1", { method: "DELETE" }, 204],
    ["/items/none", {}, 404],
    ["/missing", {}, 404],
    ["/unknown", {}, 404],
    ["/items/1", { method: "PATCH" }, 405],
    ["/bug", {}, 500],
    ["/rude", {}, 500],
    ["/hono", {}, 401],
    ["/fetched", {}, 302],
    ["/stream", {}, 200],
    ["/healthz", {}, 200],
    ["/readyz", {}, 503],
    ["/metrics", {}, 200],
  ];
  const ids = new Set<string>();
  for (const [path, init, status] of cases) {
    const response = await app.request(path, init);
    const what = `${init.method ?? "GET"} ${path}`;
    assert.equal(response.status, status, what);
    assert.equal(response.headers.get("x-instance-id"), "users-1", what);
    const requestId = response.headers.get("x-request-id") ?? "";
    assert.match(requestId, /^[0-9a-f]{16}-[0-9a-z]+$/, what);
    ids.add(requestId);
    if (status >= 400) {
      assert.equal(response.headers.get("content-type"), "application/problem+json", what);
      assert.equal(response.headers.get("cache-control"), "no-store", what);
      const body = await response.json();
      assert.equal(body.status, status);
      assert.equal(body.requestId, requestId);
    } else await response.body?.cancel();
  }
  assert.equal(ids.size, cases.length);
});

Deno.test("createInstanceApp() keeps the rest of an answer whose headers cannot be changed", async () => {
  const { app } = setUp();
  const response = await app.request("/fetched");
  assert.equal(response.headers.get("location"), "http://localhost/elsewhere");
});

Deno.test("createInstanceApp() takes a caller's request id only when it is harmless", async () => {
  const { app } = setUp();
  const accepted = await app.request("/items/1", { headers: { "x-request-id": "front.Abc-123" } });
  assert.equal(accepted.headers.get("x-request-id"), "front.Abc-123");
  assert.equal((await accepted.json()).requestId, "front.Abc-123");
  for (const bad of ["short", "a".repeat(65), 'quo"ted-quoted', "sp ace-space", "<b>bold</b>"]) {
    const response = await app.request("/items/1", { headers: { "x-request-id": bad } });
    assert.match(response.headers.get("x-request-id") ?? "", /^[0-9a-f]{16}-[0-9a-z]+$/, bad);
  }
});

Deno.test("createInstanceApp() answers 405 with the methods of the path", async () => {
  const { app } = setUp();
  const item = await app.request("/items/1", { method: "PUT" });
  assert.equal(item.headers.get("allow"), "DELETE, GET, HEAD");
  assert.equal((await item.json()).type, "/problems/method-not-allowed");
  const items = await app.request("/items", { method: "GET" });
  assert.equal(items.headers.get("allow"), "POST");
  const head = await app.request("/items", { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("allow")], [405, "POST"]);
  const custom = await app.request("/items", { method: "BREW" });
  assert.equal(custom.status, 405);
});

Deno.test("createInstanceApp() never sends the cause of an unexpected error, and logs it", async () => {
  const { app, logged } = setUp();
  const response = await app.request("/bug?token=hidden");
  assert.equal(JSON.stringify(await response.json()).includes("secret"), false);
  const [entry] = logged;
  assert.equal(entry?.level, "error");
  assert.equal((entry?.fields?.error as Error).message, "secret of the database");
  assert.equal(JSON.stringify(logged).includes("hidden"), false);
});

Deno.test("createInstanceApp() logs causes once a second, and nothing that the client did", async () => {
  const { app, logged, clock } = setUp();
  await app.request("/items/none");
  await app.request("/unknown");
  assert.equal(logged.length, 0);
  await app.request("/readyz");
  assert.equal(logged.length, 0, "probes of a starting instance are no news");
  for (let i = 0; i < 3; i++) await app.request("/failing");
  assert.deepEqual(logged.map(({ fields }) => fields?.failures), [1]);
  await clock.advance(1_000);
  await app.request("/failing");
  assert.deepEqual(logged.map(({ fields }) => fields?.failures), [1, 3]);
});

Deno.test("createInstanceApp() answers 499 and is silent when the client has left", async () => {
  const { app, logged } = setUp();
  const client = new AbortController();
  client.abort();
  const response = await app.request(
    new Request("http://localhost/bug", { signal: client.signal }),
  );
  assert.equal(response.status, 499);
  assert.equal(logged.length, 0);
});

Deno.test("createInstanceApp() logs requests by template, without the query", async () => {
  const { app, access } = setUp();
  await app.request("/items/7?token=hidden", { headers: { "x-request-id": "request-1" } });
  await app.request("/healthz");
  assert.deepEqual(access, [["GET", "/items/7", "/items/:id", 200, 0, "request-1"]]);
});

Deno.test("createInstanceApp() counts by route template, and unknown paths under one label", async () => {
  const { app, access } = setUp();
  const cases: [string, string, string][] = [
    ["GET", "/items/1", "/items/:id"],
    ["HEAD", "/items/2", "/items/:id"],
    ["GET", "/items/none", "/items/:id"],
    ["GET", "/bug", "/bug"],
    ["GET", "/any/thing", "/any/*"],
    ["GET", "/guarded/x", "unmatched"], // only middleware matches
    ["GET", "/unknown/1", "unmatched"],
    ["GET", "/unknown/2", "unmatched"],
    ["PUT", "/items/1", "unmatched"],
  ];
  for (const [method, path] of cases) await app.request(path, { method });
  assert.deepEqual(access.map((entry) => entry[2]), cases.map(([, , route]) => route));
  const text = await (await app.request("/metrics")).text();
  assert.match(
    text,
    /http_request_duration_seconds_count\{method="GET",route="\/items\/:id",status="200"\} 1\n/,
  );
  assert.equal(text.includes("/unknown"), false);
});

Deno.test("createInstanceApp() measures with the clock", async () => {
  const { app, clock, access } = setUp();
  const response = app.request("/slow");
  await clock.advance(250);
  assert.equal((await response).status, 200);
  assert.equal(access[0]?.[4], 250);
});

Deno.test("createInstanceApp() is ready only while the lifecycle is, and serves in every state", async () => {
  const { app, context, clock } = setUp();
  const states: unknown[] = [];
  async function look() {
    const ready = await app.request("/readyz");
    const live = await app.request("/healthz");
    const item = await app.request("/items/1");
    states.push([context.lifecycle.state.kind, ready.status, live.status, item.status]);
  }
  await look();
  context.lifecycle.markReady();
  await look();
  const drained = context.lifecycle.drain(1_000);
  await look();
  await clock.advance(1_000);
  assert.equal(await drained, true);
  assert.deepEqual(states, [
    ["starting", 503, 200, 200],
    ["ready", 200, 200, 200],
    ["draining", 503, 200, 200],
  ]);
});

Deno.test("createInstanceApp() counts requests in flight, whatever becomes of them", async () => {
  const { app, context } = setUp();
  assert.equal(await (await app.request("/in-flight")).json(), 1);
  for (const path of ["/bug", "/rude", "/unknown", "/items/none"]) await app.request(path);
  assert.equal(context.lifecycle.inFlight, 0);
});
