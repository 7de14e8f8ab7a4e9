/**
 * What a thread of the CPU pool runs: piscina calls {@linkcode runTask} for one task after the other.
 *
 * @module
 */
import { setPriority } from "node:os";
import process from "node:process";
import { type BusyLoopResult, busyWork } from "./busy_loop.ts";
import type { CpuTask } from "./cpu_pool.ts";

/** Of 19: the event loop must get a processor as soon as it has something to do. */
const NICENESS = 10;

// On Linux it is this thread's alone (elsewhere it would be the whole process's). Piscina's own
// `niceIncrement` loads a native addon, which would need --allow-ffi on Deno.
if (process.platform === "linux") {
  try {
    setPriority(0, NICENESS);
  } catch {
    // Not permitted here (Deno: --allow-sys=setPriority): then it competes with the event loop.
  }
}

/** Does the task; the thread is busy meanwhile. */
export function runTask(task: CpuTask): BusyLoopResult {
  return busyWork(task);
}
