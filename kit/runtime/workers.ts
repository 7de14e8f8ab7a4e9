/**
 * Vertical scaling: several event loops in one process, each in a worker thread of its own, all
 * listening on the same port through `SO_REUSEPORT`. The same code on both runtimes; docs/decisions.md
 * says why not `node:cluster` or `deno serve --parallel`.
 *
 * The main thread serves nothing: it starts the workers, replaces the ones that crash, and passes the
 * drain on.
 *
 * @module
 */
import process from "node:process";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type Clock, systemClock } from "../clock.ts";
import { beat } from "../heartbeat.ts";
import type { Logger } from "../log.ts";
import type { InstanceSettings } from "./env.ts";
import type { RunningInstance } from "./instance.ts";

/** What a worker thread is told about itself. */
export interface WorkerRole {
  /** `x-instance-id` of the worker: the instance's id, a dot, and a number from 1. */
  readonly id: string;
  readonly port: number;
  readonly heartbeat: SharedArrayBuffer;
}

type FromWorker = { kind: "listening"; port: number } | { kind: "drained"; finished: boolean };
type ToWorker = { kind: "drain" };

/** This thread's role, when it is a worker that {@linkcode startWorkers} started. */
export function workerRole(): WorkerRole | undefined {
  return isMainThread ? undefined : workerData?.instanceWorker;
}

/** In a worker thread: starts the instance, and drains when the main thread says so. */
export async function workInThread(
  start: () => Promise<RunningInstance>,
): Promise<void> {
  const instance = await start();
  const tell = (message: FromWorker) => parentPort?.postMessage(message);
  parentPort?.on("message", async (_: ToWorker) => {
    tell({ kind: "drained", finished: await instance.drain() });
  });
  tell({ kind: "listening", port: instance.port });
}

/** Options of {@linkcode startWorkers}. */
export interface WorkersOptions {
  /** The instance's id. */
  id: string;
  /** With `PORT` 0 the first worker picks a port, which the others then share. */
  settings: Pick<InstanceSettings, "PORT" | "WORKERS" | "DRAIN_TIMEOUT_MS">;
  /** One heartbeat for each worker. */
  loops: readonly SharedArrayBuffer[];
  log: Logger;
  /** @default systemClock */
  clock?: Clock;
  /** First pause before a crashed worker is replaced; doubles while it keeps crashing. @default 100 */
  backoffMs?: number;
  /** A worker that has listened for this long is healthy: the next pause is the first again. @default 10_000 */
  stableMs?: number;
  /** @default 5_000 */
  maxBackoffMs?: number;
}

/**
 * Starts the workers; resolves when all listen. A worker that ends later is replaced.
 *
 * @throws when a worker cannot start the first time
 */
export async function startWorkers(options: WorkersOptions): Promise<RunningInstance> {
  const { id, settings, loops, log, clock = systemClock } = options;
  const { backoffMs = 100, maxBackoffMs = 5_000, stableMs = 10_000 } = options;
  const workers = new Map<number, Worker>();
  const stopping = new AbortController();

  /** Keeps worker `k` alive; resolves with the port when it listens for the first time. */
  function keep(k: number, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      let failures = 0;
      const launch = () => {
        const heartbeat = loops[k - 1] as SharedArrayBuffer;
        const role: WorkerRole = { id: `${id}.${k}`, port, heartbeat };
        const worker = spawn(role);
        workers.set(k, worker);
        let listeningSinceMs = Infinity;
        let cause: unknown;
        worker.on("message", (message: FromWorker) => {
          if (message.kind !== "listening") return;
          listeningSinceMs = clock.now();
          port = message.port;
          resolve(port);
        });
        worker.on("error", (error) => cause = error);
        worker.on("exit", (code) => {
          workers.delete(k);
          beat(heartbeat, "closed", clock.wallNow());
          if (stopping.signal.aborted) return;
          const error = cause ?? new Error(`Worker ended with exit code ${code}`);
          // Only a promise that is still open takes this; afterwards it does nothing.
          reject(new Error(`Cannot start worker ${role.id}`, { cause: error }));
          if (clock.now() - listeningSinceMs >= stableMs) failures = 0;
          const delayMs = Math.min(maxBackoffMs, backoffMs * 2 ** failures++);
          log.error("worker crashed", { worker: role.id, error, restartInMs: delayMs });
          clock.sleep(delayMs, stopping.signal).then(launch, () => {/* the instance stops */});
        });
      };
      launch();
    });
  }

  const port = await keep(1, settings.PORT);
  await Promise.all(Array.from({ length: settings.WORKERS - 1 }, (_, i) => keep(i + 2, port)));
  return {
    port,
    async drain() {
      stopping.abort();
      const drained = Promise.all([...workers.values()].map(drainWorker));
      // A worker whose loop is blocked cannot tell the time.
      const tooLate = clock.sleep(settings.DRAIN_TIMEOUT_MS + 500).then(() => [false]);
      return (await Promise.race([drained, tooLate])).every(Boolean);
    },
  };
}

function spawn(role: WorkerRole): Worker {
  return new Worker(process.argv[1] as string, { workerData: { instanceWorker: role } });
}

function drainWorker(worker: Worker): Promise<boolean> {
  return new Promise((resolve) => {
    worker.on("message", (message: FromWorker) => {
      if (message.kind === "drained") resolve(message.finished);
    });
    worker.on("exit", () => resolve(false));
    worker.postMessage({ kind: "drain" } satisfies ToWorker);
  });
}
