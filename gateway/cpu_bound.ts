/**
 * `/api/cpu-bound`: work that blocks the event loop, and the same work off it.
 *
 * @module
 */
import { z } from "zod";
import { busyLoop } from "../kit/busy_loop.ts";
import { parseQuery } from "../kit/validate.ts";
import type { GatewayApp, GatewayParts } from "./gateway.ts";
import { millisecondsParameter } from "./wait.ts";

const querySchema = z.object({
  ms: millisecondsParameter(3_000),
  mode: z.enum(["inline", "offload"], "must be inline or offload").default("inline"),
});

/** Adds `/api/cpu-bound`. */
export function cpuBoundRoute(app: GatewayApp, parts: GatewayParts): void {
  const { context: { id: instance }, cpuPool } = parts;
  app.get("/api/cpu-bound", async (c) => {
    const { ms, mode } = parseQuery(c, querySchema);
    const { durationMs } = mode === "inline"
      ? busyLoop(ms)
      // Nobody waits for the work of a client that has left: its thread is free for the next.
      : await cpuPool.run({ ms }, { signal: c.req.raw.signal });
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
