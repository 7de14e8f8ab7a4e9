/**
 * `/api/wait`: takes its time without taking the event loop.
 *
 * @module
 */
import { z } from "zod";
import { parseQuery } from "../kit/validate.ts";
import type { GatewayApp, GatewayParts } from "./gateway.ts";

/** A duration in a query string: an integer of milliseconds, at most half a minute. */
export function millisecondsParameter(byDefault: number): z.ZodType<number, string | undefined> {
  const rule = "must be an integer from 0 to 30000";
  return z.string().regex(/^\d{1,5}$/, rule).transform(Number)
    .refine((ms) => ms <= 30_000, rule).default(byDefault);
}

const querySchema = z.object({ ms: millisecondsParameter(100) });

/** Adds `/api/wait`. */
export function waitRoute(app: GatewayApp, parts: GatewayParts): void {
  const { context: { id: instance }, clock } = parts;
  app.get("/api/wait", async (c) => {
    const { ms } = parseQuery(c, querySchema);
    const startMs = clock.now();
    await clock.sleep(ms);
    return c.json({ message: "Waited", durationMs: Math.round(clock.now() - startMs), instance });
  });
}
