/**
 * `/api/count` and `/api/count/shared`: the same count, kept in the wrong and in the right place.
 *
 * @module
 */
import process from "node:process";
import type { GatewayApp, GatewayParts } from "./gateway.ts";

/** Module-level state, on purpose: it shows what goes wrong when an instance keeps state for itself. */
let count = 0;

/** Adds the two counters. */
export function countRoutes(app: GatewayApp, parts: GatewayParts): void {
  const { context: { id: instance }, counter, config } = parts;
  const shared = `api-count:${config.RUN_ID}`;

  app.get("/api/count", (c) =>
    c.json({
      count: ++count,
      shared: false,
      instance,
      processId: process.pid,
      warning: "This counter is per-instance, not shared!",
    }));

  app.get("/api/count/shared", async (c) =>
    c.json({
      count: await counter.increment(shared),
      shared: true,
      instance,
      processId: process.pid,
    }));
}
