/**
 * `/api/cpu-bound`: work that blocks the event loop, and the same work off it. Of a time (`ms`), of a size (`rounds`)
 * where work is to be measured and not blocking, or of a CPU time (`cpuMs`) where a quota is (see kit/busy_loop.ts).
 *
 * @module
 */
import { z } from "zod";
import { busyCpu, busyWork } from "../kit/busy_loop.ts";
import { parseQuery } from "../kit/validate.ts";
import type { GatewayApp, GatewayParts } from "./gateway.ts";
import { millisecondsParameter } from "./wait.ts";

/** Rounds at most: some seconds. */
const MAX_ROUNDS = 1_000_000_000;
/** What a millisecond does at most, roughly: says only when to come back to a full pool. */
const ROUNDS_PER_MS = 300_000;

/** A CPU time has no end by the clock: with a tenth of a core, so much takes ten seconds. */
const MAX_CPU_MS = 1_000;

const roundsRule = `must be an integer from 1 to ${MAX_ROUNDS}`;

const cpuMsRule = `must be an integer from 0 to ${MAX_CPU_MS}`;

const querySchema = z.object({
  ms: millisecondsParameter.optional(),
  rounds: z.string().regex(/^[1-9]\d{0,9}$/, roundsRule).transform(Number)
    .refine((rounds) => rounds <= MAX_ROUNDS, roundsRule).optional(),
  cpuMs: z.string().regex(/^\d{1,4}$/, cpuMsRule).transform(Number)
    .refine((ms) => ms <= MAX_CPU_MS, cpuMsRule).optional(),
  mode: z.enum(["inline", "offload"], "must be inline or offload").default("inline"),
}).refine(({ ms, rounds }) => ms === undefined || rounds === undefined, {
  path: ["rounds"],
  error: "must not be given together with ms",
}).refine(({ ms, rounds, cpuMs }) => cpuMs === undefined || (ms ?? rounds) === undefined, {
  path: ["cpuMs"],
  error: "must not be given together with ms or rounds",
}).refine(({ cpuMs, mode }) => cpuMs === undefined || mode === "inline", {
  path: ["cpuMs"],
  // The clock is the process's: beside a busy pool (or other workers) it counts what they do, too.
  error: "must be given with mode=inline",
});

/** Adds `/api/cpu-bound`. */
export function cpuBoundRoute(app: GatewayApp, parts: GatewayParts): void {
  const { context: { id: instance }, cpuPool } = parts;
  app.get("/api/cpu-bound", async (c) => {
    const { ms = 3_000, rounds, cpuMs, mode } = parseQuery(c, querySchema);
    const work = rounds === undefined ? { ms } : { ms: rounds / ROUNDS_PER_MS, rounds };
    const { durationMs } = mode === "inline"
      ? cpuMs === undefined ? busyWork(work) : busyCpu(cpuMs)
      // Nobody waits for the work of a client that has left: its thread is free for the next.
      : await cpuPool.run(work, { signal: c.req.raw.signal });
    const rounded = Math.round(durationMs);
    return c.json({
      message: "CPU work completed",
      mode,
      durationMs: rounded,
      // The name that the original demonstration used.
      duration: rounded,
      instance,
    });
  });
}
