import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { EventLoopMonitor } from "./event_loop_monitor.ts";
import { Lifecycle } from "./lifecycle.ts";
import { Metrics } from "./metrics.ts";

function createMetrics(): Metrics {
  return new Metrics({ instance: "users-1", service: "users", runtime: "deno" });
}

/** Sample lines of the text format by name and labels. */
function samples(metrics: Metrics): Map<string, number> {
  const lines = metrics.text().split("\n").filter((line) => line && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at), Number(line.slice(at + 1))];
  }));
}

Deno.test("Metrics.observeRequest() fills cumulative buckets", () => {
  const metrics = createMetrics();
  const route = "/users/:id";
  // 0.005 is the bound itself: Prometheus buckets include their upper bound.
  for (const durationSeconds of [0.0001, 0.005, 0.3, 99]) {
    metrics.observeRequest({ method: "GET", route, status: 200, durationSeconds });
  }
  const found = samples(metrics);
  const bucket = (le: string) =>
    found.get(
      `http_request_duration_seconds_bucket{method="GET",route="/users/:id",status="200",le="${le}"}`,
    );
  const bounds = ["0.001", "0.0025", "0.005", "0.25", "0.5", "10", "+Inf"];
  assert.deepEqual(bounds.map(bucket), [1, 1, 2, 2, 3, 3, 4]);
  const labels = `{method="GET",route="/users/:id",status="200"}`;
  assert.equal(found.get(`http_request_duration_seconds_count${labels}`), 4);
  assert.equal(found.get(`http_request_duration_seconds_sum${labels}`), 0.0001 + 0.005 + 0.3 + 99);
});

Deno.test("Metrics.observeRequest() gives all unusual methods one label", () => {
  const metrics = createMetrics();
  for (let i = 0; i < 1_000; i++) {
    metrics.observeRequest({ method: `M${i}`, route: "/", status: 404, durationSeconds: 0 });
  }
  const found = samples(metrics);
  const counts = [...found].filter(([name]) =>
    name.startsWith("http_request_duration_seconds_count")
  );
  assert.deepEqual(counts, [
    [`http_request_duration_seconds_count{method="OTHER",route="/",status="404"}`, 1_000],
  ]);
});

Deno.test("Metrics.counts() sums by class of status", () => {
  const metrics = createMetrics();
  for (const status of [200, 201, 304, 404, 503, 503]) {
    metrics.observeRequest({ method: "GET", route: "/", status, durationSeconds: 0 });
  }
  assert.deepEqual(metrics.counts(), {
    total: 6,
    byStatus: { "2xx": 2, "3xx": 1, "4xx": 1, "5xx": 2 },
  });
});

Deno.test("Metrics.watch() exports the lag that the monitor saw", async () => {
  const clock = new FakeClock();
  const metrics = createMetrics();
  const monitor = new EventLoopMonitor({ clock, intervalMs: 20 });
  const lifecycle = new Lifecycle({ clock });
  metrics.watch({ monitor, lifecycle });
  using _sampling = monitor.start();
  await clock.advance(1);
  clock.block(320);
  await clock.advance(20);
  lifecycle.enter();
  const found = samples(metrics);
  assert.equal(found.get(`event_loop_lag_seconds{quantile="1"}`), monitor.snapshot().maxMs / 1000);
  assert.ok(monitor.snapshot().maxMs > 250);
  assert.equal(found.get("event_loop_lag_ewma_seconds"), monitor.snapshot().ewmaMs / 1000);
  assert.equal(found.get("http_requests_in_flight"), 1);
  assert.equal(found.get("instance_ready"), 0);
});

Deno.test("Metrics.text() says who the instance is and what the process uses", () => {
  const found = samples(createMetrics());
  assert.equal(
    found.get(`instance_info{instance_id="users-1",service="users",runtime="deno"}`),
    1,
  );
  assert.ok((found.get("process_resident_memory_bytes") ?? 0) > 1e6);
  assert.ok((found.get("process_cpu_seconds_total") ?? 0) > 0);
  const start = found.get("process_start_time_seconds") ?? 0;
  assert.ok(Math.abs(start - Date.now() / 1000) < 86_400);
});
