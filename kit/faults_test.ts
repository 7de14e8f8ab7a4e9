// deno-lint-ignore-file no-await-in-loop -- one request after the other is the point
import assert from "node:assert/strict";
import { createTestContext } from "../testing/instance_context.ts";
import { Faults } from "./faults.ts";
import { createServiceApp } from "./service_app.ts";

function setUp(draws: number[] = []) {
  const context = createTestContext("orders");
  const { clock } = context;
  const faults = new Faults({ clock, random: () => draws.shift() ?? 0 });
  let worked = 0;
  const app = createServiceApp({ context, faults }, (app) => {
    for (const path of ["/orders", "/orders/:id", "/ordersx"]) {
      app.all(path, (c) => c.text(String(++worked)));
    }
  });
  async function put(...list: unknown[]): Promise<void> {
    const response = await app.request("/faults", {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ faults: list }),
    });
    assert.equal(response.status, 200);
  }
  async function statuses(paths: string[], method = "GET"): Promise<number[]> {
    const found = [];
    for (const path of paths) found.push((await app.request(path, { method })).status);
    return found;
  }
  return { app, clock, context, faults, put, statuses, worked: () => worked };
}

const FAILING = { kind: "error", status: 503 };

Deno.test("/faults says what is active, replaces and removes it", async () => {
  const { app, put } = setUp();
  assert.deepEqual(await (await app.request("/faults")).json(), { faults: [] });
  await put({ effect: FAILING });
  const fault = { route: "*", share: { percent: 100 }, effect: FAILING };
  assert.deepEqual(await (await app.request("/faults")).json(), { faults: [fault] });
  assert.equal((await app.request("/orders")).status, 503);
  assert.equal((await app.request("/faults", { method: "DELETE" })).status, 204);
  assert.equal((await app.request("/orders")).status, 200);
});

Deno.test("/faults refuses a body that is no list of faults and keeps what was active", async () => {
  const { app, put } = setUp();
  await put({ effect: FAILING });
  const response = await app.request("/faults", {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: '{"faults":[{"effect":{"kind":"error","status":200}}]}',
  });
  assert.equal(response.status, 422);
  assert.equal((await response.json()).errors[0].field, "/faults/0/effect/status");
  assert.equal((await app.request("/orders")).status, 503);
});

Deno.test("/faults is not there when faults are not allowed", async () => {
  const context = createTestContext("orders");
  const app = createServiceApp({ context }, () => {});
  assert.equal((await app.request("/faults")).status, 404);
});

Deno.test("faults spare probes, metrics and /faults", async () => {
  const { put, statuses } = setUp();
  await put({ effect: FAILING });
  const spared = ["/healthz", "/readyz", "/metrics", "/faults"];
  assert.deepEqual(await statuses(spared), [200, 200, 200, 200]);
  assert.deepEqual(await statuses(["/orders", "/orders/1"]), [503, 503]);
});

Deno.test("faults hit only their route and method", async () => {
  const { put, statuses } = setUp();
  const paths = ["/orders", "/orders/1", "/ordersx"];
  await put({ route: "/orders", effect: FAILING });
  assert.deepEqual(await statuses(paths), [503, 200, 200]);
  await put({ route: "/orders/*", effect: FAILING });
  assert.deepEqual(await statuses(paths), [200, 503, 200]);
  await put({ route: "/orders", method: "POST", effect: FAILING });
  assert.deepEqual(await statuses(paths), [200, 200, 200]);
  assert.deepEqual(await statuses(paths, "POST"), [503, 200, 200]);
});

Deno.test("faults hit every n-th request on their route, or a percentage", async () => {
  const { put, statuses } = setUp([0.29, 0.3, 0, 0.99]);
  await put({ route: "/orders", share: { every: 3 }, effect: FAILING });
  const paths = ["/orders", "/orders/1", "/orders", "/orders", "/orders", "/orders", "/orders"];
  assert.deepEqual(await statuses(paths), [200, 200, 200, 503, 200, 200, 503]);
  await put({ share: { percent: 30 }, effect: FAILING });
  assert.deepEqual(await statuses(Array(4).fill("/orders")), [503, 200, 503, 200]);
});

Deno.test("a latency fault delays, then goes on; several add up", async () => {
  const { app, clock, put, worked } = setUp();
  const latency = (ms: number) => ({
    effect: { kind: "latency", distribution: { kind: "fixed", ms } },
  });
  await put(latency(100), latency(50));
  const answer = Promise.resolve(app.request("/orders"));
  await clock.advance(149);
  assert.equal(worked(), 0);
  await clock.advance(1);
  assert.equal((await answer).status, 200);
});

Deno.test("a latency fault answers 504 at the caller's deadline without doing the work", async () => {
  const { app, clock, put, worked } = setUp();
  await put({ effect: { kind: "latency", distribution: { kind: "fixed", ms: 1_000 } } });
  const headers = { "x-deadline-ms": "200" };
  const answer = Promise.resolve(app.request("/orders", { headers }));
  await clock.advance(200);
  assert.equal((await answer).status, 504);
  assert.equal(worked(), 0);
});

Deno.test("a hanging request goes on when the faults change, and ends when the client leaves", async () => {
  const { app, context, put, worked } = setUp();
  await put({ effect: { kind: "hang" } });
  const client = new AbortController();
  const left = app.request("/orders", { signal: client.signal });
  const waiting = app.request("/orders");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(context.lifecycle.inFlight, 2);
  client.abort();
  await (await left).text();
  assert.equal(worked(), 0);
  await app.request("/faults", { method: "DELETE" });
  assert.equal(await (await waiting).text(), "1");
  assert.equal(context.lifecycle.inFlight, 0);
});

Deno.test("a drop fault breaks the answer off without doing the work", async () => {
  const { app, put, worked } = setUp();
  await put({ effect: { kind: "drop" } });
  const response = await app.request("/orders");
  await assert.rejects(response.text(), { message: "connection dropped on demand" });
  assert.equal(worked(), 0);
});
