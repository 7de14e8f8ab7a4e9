/**
 * Uses the CPU pool with real threads and prints what happened. Run by cpu_pool_test.ts on each runtime.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import type { Piscina } from "piscina";
import { systemClock } from "./clock.ts";
import { CpuPool, createPiscina } from "./cpu_pool.ts";

const message = (error: unknown) => error instanceof Error ? error.message : String(error);

/** How nice the threads of this process are, each value once; `undefined` where that cannot be read. */
function readNiceness(): number[] | undefined {
  try {
    const found = readdirSync("/proc/self/task").map((id) => {
      const [, fields = ""] = readFileSync(`/proc/self/task/${id}/stat`, "utf8").split(") ");
      return Number(fields.split(" ")[16]);
    });
    return [...new Set(found)].sort((a, b) => a - b);
  } catch {
    return undefined; // Deno asks for --allow-all
  }
}

let piscina: Piscina | undefined;
const pool = new CpuPool({
  size: 1,
  idleMs: 100,
  createThreads: (options) => piscina = createPiscina(options),
});
const threadsNow = () => piscina?.threads.length ?? 0;
const before = threadsNow();

let ticks = 0;
const ticking = setInterval(() => ticks++, 20);
const { durationMs } = await pool.run({ ms: 300 });
clearInterval(ticking);

const order: number[] = [];
await Promise.all([3, 1, 2].map((ms) => pool.run({ ms }).then(() => order.push(ms))));

const left = new AbortController();
const endless = pool.run({ ms: 3_600_000 }, { signal: left.signal }).catch(message);
const waiting = pool.run({ ms: 1 });
await systemClock.sleep(200);
const during = threadsNow();
const niceness = readNiceness();
left.abort(new Error("client left"));
const aborted = await endless;
const waited = (await waiting).durationMs;

// A thread that does not end is seen by the deadline of whoever runs this.
// deno-lint-ignore no-await-in-loop -- again until it is so
while (threadsNow() > 0) await systemClock.sleep(10);
await pool.close();

const worker = new URL("./no_such_worker.ts", import.meta.url);
const crashing = new CpuPool({ createThreads: (options) => createPiscina({ ...options, worker }) });
const crash = await crashing.run({ ms: 1 }).catch(message);
await crashing.close();

process.stdout.write(
  JSON.stringify({
    durationMs,
    ticks,
    order,
    aborted,
    waited,
    threads: { before, during, afterIdle: threadsNow() },
    niceness,
    crash,
  }) + "\n",
);
