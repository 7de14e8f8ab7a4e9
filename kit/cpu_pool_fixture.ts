/**
 * Uses the CPU pool with real threads and prints what happened. Run by cpu_pool_test.ts on each runtime.
 *
 * @module
 */
import process from "node:process";
import { Worker } from "node:worker_threads";
import { systemClock } from "./clock.ts";
import { CpuPool } from "./cpu_pool.ts";

const message = (error: unknown) => error instanceof Error ? error.message : String(error);

const pool = new CpuPool({ size: 1 });
let ticks = 0;
const ticking = setInterval(() => ticks++, 20);
const { durationMs } = await pool.run({ ms: 300 });
clearInterval(ticking);

const left = new AbortController();
const endless = pool.run({ ms: 3_600_000 }, { signal: left.signal }).catch(message);
await systemClock.sleep(50);
left.abort(new Error("client left"));
const aborted = await endless;
const afterAbort = pool.stats();
const again = (await pool.run({ ms: 1 })).durationMs;
await pool.close();

const crashing = new CpuPool({
  spawn: () => new Worker("throw new Error('boom')", { eval: true }),
});
const crash = await crashing.run({ ms: 1 }).catch(message);
await crashing.close();

process.stdout.write(
  JSON.stringify({ durationMs, ticks, aborted, afterAbort, again, crash }) + "\n",
);
