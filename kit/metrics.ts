/**
 * What an instance measures of itself, as Prometheus text.
 *
 * Requests are counted in plain arrays, one series for each route template, method and status, because
 * this is the hot path. Everything else (loop lag, memory, processor time) is read only when somebody
 * scrapes. prom-client did this before: it hashes labels on each observation, its loop lag reads about
 * zero on Deno, and it takes 6 MB of every process.
 *
 * @module
 */
import process from "node:process";
import type { EventLoopMonitor } from "./event_loop_monitor.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { MetricRegistry, type MetricSample } from "./metric_registry.ts";

/** Upper bounds of the buckets of `http_request_duration_seconds`. */
export const DURATION_BUCKETS = [
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
] as const;

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** One answered request. */
export interface RequestObservation {
  method: string;
  /** Template of the route (`/users/:id`), never a path. */
  route: string;
  status: number;
  durationSeconds: number;
}

/** Requests answered since the start. */
export interface RequestCounts {
  total: number;
  /** By class of status: `2xx`, `4xx`, ... */
  byStatus: Record<string, number>;
}

/** Options of {@linkcode Metrics}. */
export interface MetricsOptions {
  /** Id of this instance. */
  instance: string;
  service: string;
  runtime: string;
}

interface Series {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  /** Not cumulative; the last is beyond every bound. */
  readonly buckets: Float64Array;
  sum: number;
}

/** The metrics of one instance. */
export class Metrics extends MetricRegistry {
  readonly #series = new Map<string, Map<string, Map<number, Series>>>();

  constructor(options: MetricsOptions) {
    super();
    const { instance, service, runtime } = options;
    const info = [{ labels: { instance_id: instance, service, runtime }, value: 1 }];
    this.histogram("http_request_duration_seconds", "Time to answer a request", () => {
      return [...this.#samples()];
    });
    this.gauge("instance_info", "Always 1; its labels say who this is", () => info);
    this.gauge("process_start_time_seconds", "Start of the process since the epoch", () => {
      return Math.round(Date.now() / 1000 - process.uptime());
    });
    this.gauge("process_resident_memory_bytes", "Resident memory of the process", () => {
      return process.memoryUsage().rss;
    });
    this.gauge("process_heap_used_bytes", "Heap in use", () => process.memoryUsage().heapUsed);
    this.counter("process_cpu_seconds_total", "Processor time that the process has used", () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    });
  }

  /** Counts an answered request. */
  observeRequest(observation: RequestObservation): void {
    const { method, route, status, durationSeconds } = observation;
    const series = this.#series.get(route)?.get(method)?.get(status) ??
      this.#create(method, route, status);
    let bucket = 0;
    while (durationSeconds > (DURATION_BUCKETS[bucket] ?? Infinity)) bucket++;
    series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
    series.sum += durationSeconds;
  }

  /** Requests answered so far. */
  counts(): RequestCounts {
    const byStatus: Record<string, number> = {};
    let total = 0;
    for (const { status, buckets } of this.#all()) {
      const count = buckets.reduce((sum, n) => sum + n, 0);
      const key = `${Math.floor(status / 100)}xx`;
      byStatus[key] = (byStatus[key] ?? 0) + count;
      total += count;
    }
    return { total, byStatus };
  }

  /** Exports loop lag and requests in flight. */
  watch(parts: { monitor: EventLoopMonitor; lifecycle: Lifecycle }): void {
    const { monitor, lifecycle } = parts;
    this.gauge("event_loop_lag_seconds", "Event-loop lag over the last window", () => {
      const { p50Ms, p99Ms, maxMs } = monitor.snapshot();
      return [
        { labels: { quantile: "0.5" }, value: p50Ms / 1000 },
        { labels: { quantile: "0.99" }, value: p99Ms / 1000 },
        { labels: { quantile: "1" }, value: maxMs / 1000 },
      ];
    });
    this.gauge("event_loop_lag_ewma_seconds", "Moving average of the lag", () => {
      return monitor.snapshot().ewmaMs / 1000;
    });
    this.gauge("event_loop_lag_samples", "Samples of lag in the window", () => {
      return monitor.snapshot().count;
    });
    this.gauge("http_requests_in_flight", "Requests that are being answered", () => {
      return lifecycle.inFlight;
    });
    this.gauge("instance_ready", "1 while the instance wants requests", () => {
      return lifecycle.state.kind === "ready" ? 1 : 0;
    });
  }

  #create(method: string, route: string, status: number): Series {
    // A client chooses the method: whatever is not a usual one shares a label.
    const known = METHODS.has(method) ? method : "OTHER";
    const byMethod = getOrPut(this.#series, route, () => new Map<string, Map<number, Series>>());
    const byStatus = getOrPut(byMethod, known, () => new Map<number, Series>());
    return getOrPut(byStatus, status, () => ({
      method: known,
      route,
      status,
      buckets: new Float64Array(DURATION_BUCKETS.length + 1),
      sum: 0,
    }));
  }

  *#all(): Generator<Series> {
    for (const byMethod of this.#series.values()) {
      for (const byStatus of byMethod.values()) yield* byStatus.values();
    }
  }

  *#samples(): Generator<MetricSample> {
    for (const { method, route, status, buckets, sum } of this.#all()) {
      const labels = { method, route, status };
      let count = 0;
      for (const [i, n] of buckets.entries()) {
        count += n;
        const le = DURATION_BUCKETS[i] ?? "+Inf";
        yield { suffix: "_bucket", labels: { ...labels, le }, value: count };
      }
      yield { suffix: "_sum", labels, value: sum };
      yield { suffix: "_count", labels, value: count };
    }
  }
}

function getOrPut<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = make());
  return value;
}
