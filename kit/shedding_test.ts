import assert from "node:assert/strict";
import { createTestContext } from "../testing/instance_context.ts";
import { createInstanceApp } from "./instance_app.ts";
import { createShedding, type SheddingOptions } from "./shedding.ts";

/** An app with one route, `/work`, that runs until the test lets it. */
function createApp(options: SheddingOptions = {}) {
  const context = createTestContext("shedding");
  let finish = () => {};
  const finished = new Promise<void>((resolve) => finish = resolve);
  let started = 0;
  const app = createInstanceApp(context, (app) => {
    app.get("/work", async (c) => {
      started++;
      await finished;
      return c.text("done");
    });
    app.get("/state", (c) => c.text("well"));
  }, (routes) => createShedding(context, routes, { exempt: "/state", ...options }));
  return { app, context, finish, started: () => started };
}

Deno.test("createShedding() answers 503 with Retry-After before the work starts", async () => {
  const { app, finish, started } = createApp({ maxInFlight: 2 });
  const admitted = [app.request("/work"), app.request("/work")];
  const refused = await app.request("/work");
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.equal(refused.headers.get("content-type"), "application/problem+json");
  assert.equal(refused.headers.get("x-instance-id"), "shedding-test");
  const { requestId, ...body } = await refused.json();
  assert.deepEqual(body, { type: "/problems/overloaded", title: "Overloaded", status: 503 });
  assert.equal(requestId, refused.headers.get("x-request-id"));
  assert.equal(started(), 2);
  finish();
  for (const { status } of await Promise.all(admitted)) assert.equal(status, 200);
});

Deno.test("createShedding() refuses a HEAD with the same fields and no body", async () => {
  const { app, finish } = createApp({ maxInFlight: 1 });
  const admitted = app.request("/work");
  const { status, headers, body } = await app.request("/work", { method: "HEAD" });
  assert.deepEqual([status, headers.get("retry-after"), body], [503, "1", null]);
  finish();
  await admitted;
});

Deno.test("createShedding() never refuses probes and what is exempt, and counts what it refuses", async () => {
  const { app, finish } = createApp({ maxInFlight: 1 });
  const admitted = app.request("/work");
  await app.request("/work");
  await app.request("/work");
  assert.equal((await app.request("/healthz")).status, 200);
  assert.equal((await app.request("/readyz")).status, 200);
  assert.equal((await app.request("/state")).status, 200);
  const metrics = await (await app.request("/metrics")).text();
  assert.match(metrics, /http_requests_shed_total\{reason="in-flight"\} 2/);
  finish();
  await admitted;
});

Deno.test("createShedding() goes by the front's X-Request-Start", async () => {
  const { app, context, finish } = createApp({ maxQueueAgeMs: 1_000, warmUpMs: 0 });
  finish();
  const ask = (ageMs: number) =>
    app.request("/work", {
      headers: { "x-request-start": `t=${(context.clock.wallNow() - ageMs) / 1_000}` },
    });
  assert.equal((await ask(999)).status, 200);
  assert.equal((await ask(1_001)).status, 503);
});

Deno.test("createShedding() listens to the event-loop monitor", async () => {
  const { app, context, finish } = createApp({ random: () => 0 });
  finish();
  using _ = context.monitor.start();
  assert.equal((await app.request("/work")).status, 200);
  for (let i = 0; i < 50; i++) {
    context.clock.block(200);
    // deno-lint-ignore no-await-in-loop -- one late timer after the other
    await context.clock.advance(0);
  }
  assert.equal((await app.request("/work")).status, 503);
});
