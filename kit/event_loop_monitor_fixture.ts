/**
 * Blocks its own event loop for as many milliseconds as its argument says, in the middle of otherwise
 * idle time, and prints what the monitor saw. Run by event_loop_monitor_test.ts on each runtime.
 *
 * @module
 */
import process from "node:process";
import { systemClock } from "./clock.ts";
import { EventLoopMonitor } from "./event_loop_monitor.ts";

const blockMs = Number(process.argv[2]);
const warnings: unknown[] = [];
const monitor = new EventLoopMonitor({
  log: { info: () => {}, warn: (msg, fields) => warnings.push({ msg, ...fields }) },
});
const sampling = monitor.start();
await systemClock.sleep(100);
const start = performance.now();
while (performance.now() - start < blockMs) { /* what a CPU-bound handler does */ }
await systemClock.sleep(100);
sampling[Symbol.dispose]();
process.stdout.write(JSON.stringify({ snapshot: monitor.snapshot(), warnings }) + "\n");
