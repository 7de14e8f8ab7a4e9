/**
 * A thread of the CPU pool: does one task after the other, as `cpu_pool.ts` hands them over.
 *
 * @module
 */
import { setPriority } from "node:os";
import process from "node:process";
import { parentPort } from "node:worker_threads";
import { busyWork } from "./busy_loop.ts";
import type { CpuTask } from "./cpu_pool.ts";

/** Of 19: the event loop must get a processor as soon as it has something to do. */
const NICENESS = 10;

// On Linux it is this thread's alone (elsewhere it would be the whole process's).
if (process.platform === "linux") {
  try {
    setPriority(0, NICENESS);
  } catch {
    // Not permitted here (Deno: --allow-sys=setPriority): then it competes with the event loop.
  }
}

parentPort?.on("message", (task: CpuTask) => parentPort?.postMessage(busyWork(task)));
