/**
 * `/api/wait`: takes its time without taking the event loop. With `WAIT_LIMIT=K` a replica does K waits of S at a
 * time, so that its capacity is K/S by declaration and not by what the machine happens to do: the lab scales it out.
 *
 * @module
 */
import { z } from "zod";
import { Problem } from "../kit/problem.ts";
import { parseQuery } from "../kit/validate.ts";
import type { GatewayApp, GatewayParts } from "./gateway.ts";

/** Requests that may queue for a place; more are refused. */
const MAX_QUEUED = 1_000;

const rule = "must be an integer from 0 to 30000";

/** A duration in a query string: an integer of milliseconds, at most half a minute. */
export const millisecondsParameter: z.ZodType<number, string> = z.string().regex(/^\d{1,5}$/, rule)
  .transform(Number).refine((ms) => ms <= 30_000, rule);

const querySchema = z.object({ ms: millisecondsParameter.default(100) });

/** Adds `/api/wait`. */
export function waitRoute(app: GatewayApp, parts: GatewayParts): void {
  const { context: { id: instance }, clock, config: { WAIT_LIMIT } } = parts;
  const places = new Places(WAIT_LIMIT === 0 ? Infinity : WAIT_LIMIT);
  app.get("/api/wait", async (c) => {
    const { ms } = parseQuery(c, querySchema);
    const startMs = clock.now();
    await places.take();
    try {
      await clock.sleep(ms);
    } finally {
      places.give();
    }
    return c.json({ message: "Waited", durationMs: Math.round(clock.now() - startMs), instance });
  });
}

/** A number of places, given in order of arrival. */
class Places {
  #free: number;
  readonly #queue: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves when there is a place. @throws {Problem} when too many wait already */
  take(): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve();
    }
    if (this.#queue.length >= MAX_QUEUED) {
      throw new Problem("overloaded", { headers: { "retry-after": "1" } });
    }
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  give(): void {
    const next = this.#queue.shift();
    if (next) next();
    else this.#free++;
  }
}
