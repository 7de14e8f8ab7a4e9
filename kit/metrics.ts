/**
 * What an instance measures of itself, as Prometheus text.
 *
 * Requests are counted in plain arrays, one series for each route template, method and status, because
 * this is the hot path: prom-client hashes its labels on each observation. The rest (loop lag, memory,
 * processor time) is read only when somebody scrapes. prom-client's own default metrics are not used:
 * its loop lag reads about zero on Deno.
 *
 * @module
 */
import process from "node:process";
import { Counter, Gauge, type Metric, Registry } from "prom-client";
import type { EventLoopMonitor } from "./event_loop_monitor.ts";
import type { Lifecycle } from "./lifecycle.ts";

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
export class Metrics {
  /** Further metrics of the instance register here. */
  readonly registry: Registry = new Registry();
  readonly #series = new Map<string, Map<string, Map<number, Series>>>();

  constructor(options: MetricsOptions) {
    const { instance, service, runtime } = options;
    this.#registerRequests();
    this.#gauge("instance_info", "Always 1; its labels say who this is", (gauge) => {
      gauge.set({ instance_id: instance, service, runtime }, 1);
    }, ["instance_id", "service", "runtime"]);
    this.#gauge("process_start_time_seconds", "Start of the process since the epoch", (gauge) => {
      gauge.set(Math.round(Date.now() / 1000 - process.uptime()));
    });
    this.#gauge("process_resident_memory_bytes", "Resident memory of the process", (gauge) => {
      gauge.set(process.memoryUsage().rss);
    });
    this.#gauge("process_heap_used_bytes", "Heap in use", (gauge) => {
      gauge.set(process.memoryUsage().heapUsed);
    });
    new Counter({
      name: "process_cpu_seconds_total",
      help: "Processor time that the process has used",
      registers: [this.registry],
      collect() {
        const { user, system } = process.cpuUsage();
        this.reset();
        this.inc((user + system) / 1e6);
      },
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
    this.#gauge("event_loop_lag_seconds", "Event-loop lag over the last window", (gauge) => {
      const { p50Ms, p99Ms, maxMs } = monitor.snapshot();
      gauge.set({ quantile: "0.5" }, p50Ms / 1000);
      gauge.set({ quantile: "0.99" }, p99Ms / 1000);
      gauge.set({ quantile: "1" }, maxMs / 1000);
    }, ["quantile"]);
    this.#gauge("event_loop_lag_ewma_seconds", "Moving average of the lag", (gauge) => {
      gauge.set(monitor.snapshot().ewmaMs / 1000);
    });
    this.#gauge("event_loop_lag_samples", "Samples of lag in the window", (gauge) => {
      gauge.set(monitor.snapshot().count);
    });
    this.#gauge("http_requests_in_flight", "Requests that are being answered", (gauge) => {
      gauge.set(lifecycle.inFlight);
    });
    this.#gauge("instance_ready", "1 while the instance wants requests", (gauge) => {
      gauge.set(lifecycle.state.kind === "ready" ? 1 : 0);
    });
  }

  /** Everything in the Prometheus text format. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  #gauge(
    name: string,
    help: string,
    read: (gauge: Gauge) => void,
    labelNames: string[] = [],
  ): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        read(this);
      },
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

  #registerRequests(): void {
    const name = "http_request_duration_seconds";
    const get = () => {
      const values = [];
      for (const { method, route, status, buckets, sum } of this.#all()) {
        const labels = { method, route, status };
        let count = 0;
        for (const [i, n] of buckets.entries()) {
          count += n;
          const le = DURATION_BUCKETS[i] ?? "+Inf";
          values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: count });
        }
        values.push({ metricName: `${name}_sum`, labels, value: sum });
        values.push({ metricName: `${name}_count`, labels, value: count });
      }
      const help = "Time to answer a request";
      return Promise.resolve({ name, help, type: "histogram", aggregator: "sum", values });
    };
    // The registry asks for no more than a name and get().
    this.registry.registerMetric({ name, get } as unknown as Metric);
  }
}

function getOrPut<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = make());
  return value;
}
