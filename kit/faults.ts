/**
 * Faults on demand: a service that is told to be slow, to fail, to hang or to break connections, for
 * tests and the lab. Only there when asked for (`FAULTS=1`), on the service's own port, and never in the
 * way of probes, metrics and `/faults` itself.
 *
 * @module
 */
import type { Context, Hono, MiddlewareHandler } from "hono";
import type { Clock } from "./clock.ts";
import { remainingMs, requireTime } from "./deadline.ts";
import { type Fault, type FaultList, faultListSchema, sampleLatencyMs } from "./fault.ts";
import type { InstanceEnv } from "./instance_app.ts";
import { parseJsonBody } from "./validate.ts";

/** Options of {@linkcode Faults}. */
export interface FaultsOptions {
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
}

interface ActiveFault {
  fault: Fault;
  /** Requests that it could have hit. */
  seen: number;
}

/** The faults of one instance. */
export class Faults {
  readonly #clock: Clock;
  readonly #random: () => number;
  #active: ActiveFault[] = [];
  /** Aborted when the faults change: what hangs goes on. */
  #changed = new AbortController();

  constructor({ clock, random }: FaultsOptions) {
    this.#clock = clock;
    this.#random = random;
  }

  /** What is active now. */
  get list(): FaultList {
    return { faults: this.#active.map(({ fault }) => fault) };
  }

  /** Replaces all faults; requests that hang go on as if nothing had been. */
  set(list: FaultList): void {
    this.#active = list.faults.map((fault) => ({ fault, seen: 0 }));
    this.#changed.abort();
    this.#changed = new AbortController();
  }

  /** Adds `GET`, `PUT` and `DELETE /faults` and the faults themselves; routes added later suffer them. */
  mount(app: Hono<InstanceEnv>): void {
    app.get("/faults", (c) => c.json(this.list));
    app.put("/faults", async (c) => {
      this.set(await parseJsonBody(c, faultListSchema));
      return c.json(this.list);
    });
    app.delete("/faults", (c) => {
      this.set({ faults: [] });
      return c.body(null, 204);
    });
    app.use(this.#middleware());
  }

  #middleware(): MiddlewareHandler {
    return async (c, next) => {
      for (const active of this.#active) {
        if (!this.#hits(active, c)) continue;
        // deno-lint-ignore no-await-in-loop -- faults add up
        const response = await this.#strike(active.fault, c);
        if (response) return response;
      }
      return await next();
    };
  }

  /** Returns the answer, unless the request goes on. */
  async #strike({ effect }: Fault, c: Context): Promise<Response | undefined> {
    switch (effect.kind) {
      case "latency":
        await this.#delay(c, sampleLatencyMs(effect.distribution, this.#random));
        return undefined;
      case "error":
        return failure(effect.status);
      case "hang":
        await this.#hang(c.req.raw.signal);
        requireTime(c, this.#clock);
        return undefined;
      case "drop":
        return breakingResponse();
    }
  }

  #hits(active: ActiveFault, c: Context): boolean {
    const { route, method, share } = active.fault;
    if (method !== undefined && method !== c.req.method) return false;
    if (!matches(route, c.req.path)) return false;
    active.seen++;
    if ("every" in share) return active.seen % share.every === 0;
    return this.#random() * 100 < share.percent;
  }

  /** A slow service that honours deadlines is slow until the deadline, then says so. */
  async #delay(c: Context, ms: number): Promise<void> {
    await this.#clock.sleep(Math.max(0, Math.min(ms, remainingMs(c, this.#clock))));
    requireTime(c, this.#clock);
  }

  async #hang(client: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([client, this.#changed.signal]);
    await new Promise<void>((resolve) => {
      if (signal.aborted) return resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    client.throwIfAborted();
  }
}

/** `/orders` is itself only, `/orders/*` everything below it, `*` everything. */
function matches(route: string, path: string): boolean {
  if (route === "*") return true;
  return route.endsWith("/*") ? path.startsWith(route.slice(0, -1)) : path === route;
}

function failure(status: number): Response {
  return new Response(JSON.stringify({ type: "about:blank", title: "Failed on demand", status }), {
    status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store" },
  });
}

/** Promises more than it sends: the server can only break the connection. */
function breakingResponse(): Response {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array([0x7b]));
    },
    pull(controller) {
      controller.error(new Error("connection dropped on demand"));
    },
  });
  return new Response(body, {
    headers: { "content-type": "application/json", "content-length": "1000" },
  });
}
