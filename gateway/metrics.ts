/**
 * `/api/metrics`: this instance in numbers, as JSON for people. Prometheus reads `/metrics`.
 *
 * @module
 */
import process from "node:process";
import type { GatewayApp, GatewayParts } from "./gateway.ts";

/** Where this instance says how it is. */
export const METRICS_PATH = "/api/metrics";

/** Adds {@linkcode METRICS_PATH}. */
export function metricsRoute(app: GatewayApp, parts: GatewayParts): void {
  const { context, upstreams } = parts;
  const { id, runtime, metrics, monitor, lifecycle } = context;
  app.get(METRICS_PATH, (c) => {
    const snapshots = Object.entries(upstreams).map(([name, upstream]) =>
      [name, upstream.snapshot()] as const
    );
    const { rss, heapUsed, heapTotal } = process.memoryUsage();
    return c.json({
      id,
      instance: id,
      runtime,
      version: runtimeVersion(),
      processId: process.pid,
      uptimeSeconds: process.uptime(),
      memory: { rssBytes: rss, heapUsedBytes: heapUsed, heapTotalBytes: heapTotal },
      eventLoopLag: monitor.snapshot(),
      requests: { ...metrics.counts(), inFlight: lifecycle.inFlight },
      breakers: Object.fromEntries(snapshots.map(([name, { breaker }]) => [name, breaker])),
      upstreams: Object.fromEntries(snapshots),
    });
  });
}

function runtimeVersion(): string {
  return process.versions.deno ?? process.versions.node;
}
