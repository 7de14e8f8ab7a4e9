/**
 * The heartbeat port: `/readyz` that answers while the event loop of the instance is blocked, because a
 * thread of its own answers it from shared memory. `/healthz` says that the process lives.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { readHeartbeat, type Vitality } from "../heartbeat.ts";
import { Problem } from "../problem.ts";
import { loadServe } from "./serve.ts";
import type { HttpServer } from "./server.ts";

/** Options of {@linkcode serveHealth}. */
export interface HealthOptions {
  /** The instance's id. */
  id: string;
  host: string;
  /** 0 picks a free port. */
  port: number;
  /** The heartbeats of its event loops. */
  loops: readonly SharedArrayBuffer[];
}

/** Serves the port from this thread. */
export async function serveHealth(options: HealthOptions): Promise<HttpServer> {
  const { id, host, port, loops } = options;
  const serve = await loadServe();
  const headers = { "x-instance-id": id };
  return await serve({
    host,
    port,
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/healthz") {
        return Response.json({ status: "live", instance: id }, { headers });
      }
      if (pathname !== "/readyz") return new Problem("not-found", { headers }).toResponse();
      const now = Date.now();
      const status = worst(loops.map((loop) => readHeartbeat(loop, now)));
      if (status === "ready") return Response.json({ status, instance: id }, { headers });
      return new Problem("unavailable", {
        detail: `Cannot take requests: the instance must be ready, received "${status}"`,
        headers: { ...headers, "retry-after": "1" },
      }).toResponse();
    },
  });
}

/**
 * How an instance is whose event loops share one port: a blocked loop keeps getting its share of the
 * connections, so one is enough to be left out; one that is being replaced gets none.
 */
function worst(loops: readonly Vitality[]): Vitality {
  for (const state of ["blocked", "draining", "ready", "closed"] as const) {
    if (loops.includes(state)) return state;
  }
  return "starting";
}

/**
 * Serves the port from a thread of its own; resolves with the port when it listens.
 *
 * @throws when the address cannot be had
 */
export function startHealthThread(options: HealthOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./health_worker.ts", import.meta.url), {
      workerData: options,
    });
    worker.on("message", resolve);
    worker.on("error", reject);
  });
}
