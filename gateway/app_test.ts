import assert from "node:assert/strict";
import process from "node:process";
import type { CpuTask } from "../kit/cpu_pool.ts";
import { Problem } from "../kit/problem.ts";
import { createTestGateway } from "../testing/gateway.ts";

const noServices = () => new Response(null, { status: 500 });

Deno.test("/api/count counts for this instance alone", async () => {
  const { app } = createTestGateway(noServices);
  const counts = [];
  for (let i = 0; i < 3; i++) {
    // deno-lint-ignore no-await-in-loop -- one after the other is the point
    counts.push(await (await app.request("/api/count")).json());
  }
  const [first] = counts;
  assert.deepEqual(counts.map(({ count }) => count - first.count), [0, 1, 2]);
  assert.deepEqual(first, {
    count: first.count,
    shared: false,
    instance: "gateway-test",
    processId: process.pid,
    warning: "This counter is per-instance, not shared!",
  });
});

Deno.test("/api/count/shared counts for all instances", async () => {
  const { app } = createTestGateway(noServices, {
    counter: { increment: () => Promise.resolve(42) },
  });
  const answer = await app.request("/api/count/shared");
  assert.deepEqual(await answer.json(), {
    count: 42,
    shared: true,
    instance: "gateway-test",
    processId: process.pid,
  });
});

Deno.test("/api/count/shared answers 503 while the store is away", async () => {
  const { app } = createTestGateway(noServices, {
    counter: { increment: () => Promise.reject(new Problem("store-unavailable")) },
  });
  assert.equal((await app.request("/api/count/shared")).status, 503);
  assert.equal((await app.request("/api/count")).status, 200);
});

Deno.test("/api/cpu-bound works inline, or leaves it to the pool", async () => {
  const offloaded: number[] = [];
  const { app } = createTestGateway(noServices, {
    cpuPool: { run: ({ ms }) => Promise.resolve({ durationMs: offloaded.push(ms) && 12.4 }) },
  });
  const inline = await (await app.request("/api/cpu-bound?ms=1")).json();
  assert.equal(inline.mode, "inline");
  assert.ok(inline.durationMs >= 1);
  assert.deepEqual(offloaded, []);
  const offload = await (await app.request("/api/cpu-bound?mode=offload")).json();
  assert.deepEqual(offloaded, [3_000]);
  assert.deepEqual(offload, {
    message: "CPU work completed",
    mode: "offload",
    durationMs: 12,
    duration: 12,
    instance: "gateway-test",
  });
});

Deno.test("/api/cpu-bound does rounds instead of time, inline or in the pool", async () => {
  const tasks: CpuTask[] = [];
  const { app } = createTestGateway(noServices, {
    cpuPool: { run: (task) => Promise.resolve({ durationMs: tasks.push(task) }) },
  });
  const inline = await (await app.request("/api/cpu-bound?rounds=1")).json();
  assert.ok(inline.durationMs < 1_000, "not the 3 s that ms would have been");
  assert.equal(tasks.length, 0);
  assert.equal((await app.request("/api/cpu-bound?rounds=1000000000&mode=offload")).status, 200);
  const [task] = tasks;
  assert.equal(task?.rounds, 1_000_000_000);
  assert.ok(
    task && task.ms > 1_000,
    "a full pool says when to come back by what the work will take",
  );
});

Deno.test("/api/cpu-bound uses CPU time instead of time, inline", async () => {
  const { app } = createTestGateway(noServices);
  const answer = await app.request("/api/cpu-bound?cpuMs=1");
  assert.equal(answer.status, 200);
  assert.ok((await answer.json()).durationMs < 1_000, "not the 3 s that ms would have been");
});

const WRONG_QUERIES: Record<string, string[]> = {
  rounds: [
    ...["0", "-1", "1.5", "abc", "", "1e3", "0x10", " 1", "01", "1000000001", "99999999999"]
      .map((rounds) => `rounds=${rounds}`),
    "rounds=1&rounds=2",
    "rounds=1&ms=1", // which of them?
  ],
  cpuMs: [
    ...["-1", "1.5", "abc", "", "1e3", "1001", "100000"].map((cpuMs) => `cpuMs=${cpuMs}`),
    "cpuMs=1&cpuMs=2",
    "cpuMs=1&ms=1",
    "cpuMs=1&rounds=1",
    "cpuMs=1&mode=offload", // the clock is the process's
  ],
};
for (const [field, queries] of Object.entries(WRONG_QUERIES)) {
  for (const query of queries) {
    Deno.test(`/api/cpu-bound answers 400 to ${query}`, async () => {
      const { app } = createTestGateway(noServices);
      const answer = await app.request(`/api/cpu-bound?${query}`);
      assert.equal(answer.status, 400);
      const { type, errors } = await answer.json();
      assert.equal(type, "/problems/invalid-parameter");
      assert.equal(errors[0].field, field);
    });
  }
}

Deno.test("/api/cpu-bound gives up work when the client leaves", async () => {
  const leaving = new AbortController();
  const { app } = createTestGateway(noServices, {
    cpuPool: {
      run: (_, { signal } = {}) =>
        new Promise((_, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason));
          leaving.abort();
        }),
    },
  });
  const { signal } = leaving;
  const answer = await app.request("/api/cpu-bound?mode=offload", { signal });
  assert.equal(answer.status, 499);
});

Deno.test("/api/cpu-bound passes the refusal of a full pool on", async () => {
  const { app } = createTestGateway(noServices, {
    cpuPool: {
      run: () => Promise.reject(new Problem("overloaded", { headers: { "retry-after": "1" } })),
    },
  });
  const answer = await app.request("/api/cpu-bound?mode=offload");
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get("retry-after"), "1");
});

for (const path of ["/api/cpu-bound", "/api/wait"]) {
  for (const ms of ["-1", "30001", "1.5", "abc", "", "1e3", "0x10", "999999", " 1", "1&ms=2"]) {
    Deno.test(`${path} answers 400 to ms=${ms}`, async () => {
      const { app } = createTestGateway(noServices);
      const answer = await app.request(`${path}?ms=${ms}`);
      assert.equal(answer.status, 400);
      const { type, errors } = await answer.json();
      assert.equal(type, "/problems/invalid-parameter");
      assert.equal(errors[0].field, "ms");
    });
  }
}

Deno.test("/api/cpu-bound answers 400 to a mode that it does not know", async () => {
  const { app } = createTestGateway(noServices);
  const answer = await app.request("/api/cpu-bound?ms=0&mode=turbo");
  assert.equal(answer.status, 400);
  assert.equal((await answer.json()).errors[0].field, "mode");
});

Deno.test("/api/wait answers after its time", async () => {
  const { app, context: { clock } } = createTestGateway(noServices);
  let done = false;
  const pending = Promise.resolve(app.request("/api/wait?ms=30000")).finally(() => done = true);
  await clock.advance(29_999);
  assert.equal(done, false);
  await clock.advance(1);
  const { durationMs, instance } = await (await pending).json();
  assert.deepEqual([durationMs, instance], [30_000, "gateway-test"]);
});

Deno.test("/api/metrics is answered while everything else is refused", async () => {
  const { app, context } = createTestGateway(noServices, { env: { MAX_IN_FLIGHT: "1" } });
  context.lifecycle.enter();
  assert.equal((await app.request("/api/count")).status, 503);
  assert.equal((await app.request("/api/metrics")).status, 200);
});

Deno.test("/api/metrics tells who this is and how it is", async () => {
  const { app } = createTestGateway(noServices);
  await app.request("/api/count");
  await app.request("/api/nowhere");
  const metrics = await (await app.request("/api/metrics")).json();
  assert.equal(metrics.id, "gateway-test");
  assert.equal(metrics.runtime, "deno");
  assert.match(metrics.version, /^\d+\.\d+/);
  assert.equal(metrics.processId, process.pid);
  assert.ok(metrics.uptimeSeconds > 0 && metrics.memory.rssBytes > 1e6);
  assert.deepEqual(metrics.requests, { total: 2, byStatus: { "2xx": 1, "4xx": 1 }, inFlight: 1 });
  assert.deepEqual(Object.keys(metrics.upstreams), ["users", "orders", "payments"]);
  assert.equal(typeof metrics.eventLoopLag.p99Ms, "number");
});
