/**
 * A thread of the CPU pool: does one task after the other, as `cpu_pool.ts` hands them over.
 *
 * @module
 */
import { parentPort } from "node:worker_threads";
import { busyLoop } from "./busy_loop.ts";
import type { CpuTask } from "./cpu_pool.ts";

parentPort?.on("message", ({ ms }: CpuTask) => parentPort?.postMessage(busyLoop(ms)));
