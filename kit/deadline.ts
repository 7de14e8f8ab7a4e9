/**
 * The caller's deadline, handed on in `x-deadline-ms` as the milliseconds that remain: work that nobody
 * waits for any more is not started.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from "hono";
import type { Clock } from "./clock.ts";
import { Problem } from "./problem.ts";

/** Header with the milliseconds that the caller will still wait. */
export const DEADLINE_HEADER = "x-deadline-ms";

declare module "hono" {
  interface ContextVariableMap {
    /** When the caller stops waiting, by the clock's `now()`; absent when it did not say. */
    deadlineAtMs?: number;
  }
}

/** Notes the caller's deadline when a request arrives, and answers 504 when it has passed already. */
export function honourDeadline(clock: Clock): MiddlewareHandler {
  return async function deadline(c, next) {
    const header = c.req.raw.headers.get(DEADLINE_HEADER);
    // What is not a number is no deadline: a header of ours that a stranger set must not break him.
    if (header !== null && /^-?\d{1,9}(\.\d+)?$/.test(header)) {
      c.set("deadlineAtMs", clock.now() + Number(header));
      requireTime(c, clock);
    }
    await next();
  };
}

/**
 * To be called before work that cannot be taken back.
 *
 * @throws {Problem} `gateway-timeout` when the caller waits no more
 */
export function requireTime(c: Context, clock: Clock): void {
  if (remainingMs(c, clock) > 0) return;
  throw new Problem("gateway-timeout", {
    detail: "Cannot start: the caller's deadline has passed",
  });
}

/** Milliseconds that the caller will still wait; `Infinity` when it did not say. */
export function remainingMs(c: Context, clock: Clock): number {
  return (c.get("deadlineAtMs") ?? Infinity) - clock.now();
}
