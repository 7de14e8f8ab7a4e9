/**
 * Events between services: a Redis Stream that one side adds to in the step that changes its records,
 * and that a group of consumers works off. Every event is delivered at least once, and acknowledged in
 * the step that has its effect, so that its effect happens once whoever is killed when.
 *
 * An acknowledged event is deleted: a stream holds what is still to be done and no more. (A second group
 * on one stream would have to trim by the slower one instead.)
 *
 * @module
 */
import type { z } from "zod";
import { type Clock, systemClock } from "./clock.ts";
import { ACKNOWLEDGE, BURY, COUNT_FAILURE, FORGET_IDLE } from "./event_scripts.ts";
import type { Logger } from "./log.ts";
import { Problem } from "./problem.ts";
import { createRedis } from "./redis.ts";

/** One delivered event, for whoever acknowledges it. */
export interface EventRef {
  stream: string;
  group: string;
  /** Id of the entry in the stream. */
  entry: string;
}

/** Options of {@linkcode consumeEvents}. */
export interface EventConsumerOptions<T> {
  /** `redis://...`; the consumer has a connection of its own, because waiting blocks it. */
  url: string;
  stream: string;
  /** Consumers of one group share the events. */
  group: string;
  /** Name of this consumer, unique in its group: the instance id. */
  consumer: string;
  /** What an event must be. */
  schema: z.ZodType<T>;
  /**
   * Carries an event out and acknowledges `ref` in the same atomic step.
   *
   * @returns `"ignored"` when there was nothing to do: the event is acknowledged then
   * @throws whatever goes wrong: the event is delivered again after `staleMs`
   */
  handle(event: T, ref: EventRef): Promise<"done" | "ignored">;
  log: Logger;
  /** @default systemClock */
  clock?: Clock;
  /** Events that are worked on at the same time. @default 32 */
  batch?: number;
  /** An event that was not acknowledged for this long is taken over. @default 3000 */
  staleMs?: number;
  /**
   * After `handle` has failed so often an event goes to the stream `<stream>:dead`, which keeps some 10,000.
   * Failures because the store was away do not count. A delivery of which nobody told the end (its consumer
   * was killed, or the store was away then too) counts a tenth: an event that kills who handles it ends as well,
   * with those that were delivered beside it each time.
   *
   * @default 5
   */
  maxFailures?: number;
}

/** A consumer that runs until it is closed. */
export interface EventConsumer {
  /** Takes no more events, finishes those at hand and leaves the group. */
  close(): Promise<void>;
}

/** What a failure adds to the count of deliveries that Redis keeps for an event; a mere delivery adds 1. */
const FAILURE_WEIGHT = 10;
/** Longest wait for new events in one command. */
const BLOCK_MS = 500;
const RETRY_MS = 250;
/** Consumers that did nothing for this long and hold nothing are dead: instance ids do not come back. */
const FORGET_AFTER_MS = 600_000;

type Entry = [id: string, fields: string[]];
/** `weight` is Redis's count of deliveries, to which failures add more. */
type Pending = [id: string, consumer: string, idleMs: number, weight: number];

/** Starts to work off a stream. */
export function consumeEvents<T>(options: EventConsumerOptions<T>): EventConsumer {
  const { url, stream, group, consumer, schema, handle, log } = options;
  const { clock = systemClock, batch = 32, staleMs = 3_000, maxFailures = 5 } = options;
  const redis = createRedis({ url, log, clock, name: "events", deadlineMs: 3 * BLOCK_MS });
  const closed = new AbortController();

  async function join(): Promise<void> {
    await redis.xgroup("CREATE", stream, group, "0", "MKSTREAM").catch((error) => {
      if (!String(error).includes("BUSYGROUP")) throw error;
    });
    await FORGET_IDLE.run(redis, [stream], [group, FORGET_AFTER_MS]);
  }

  async function readNew(): Promise<Entry[]> {
    const answer = await redis.xreadgroup(
      ...["GROUP", group, consumer, "COUNT", batch, "BLOCK", BLOCK_MS] as const,
      ...["STREAMS", stream, ">"] as const,
    ) as [stream: string, entries: Entry[]][] | null;
    return answer?.[0]?.[1] ?? [];
  }

  /** Takes over what others, or an earlier life of this consumer, left undone. */
  async function takeStale(): Promise<Entry[]> {
    const pending = await redis.xpending(stream, group, "IDLE", staleMs, "-", "+", batch);
    const stale: string[] = [];
    for (const [entry, , , weight] of pending as Pending[]) {
      if (weight < maxFailures * FAILURE_WEIGHT) stale.push(entry);
      // deno-lint-ignore no-await-in-loop -- rare
      else await bury(entry, Math.floor(weight / FAILURE_WEIGHT));
    }
    // There may be more than these; those that are taken now are not stale any more.
    if (pending.length === batch) lookForStaleAtMs = clock.now();
    if (stale.length === 0) return [];
    return await redis.xclaim(stream, group, consumer, staleMs, ...stale) as Entry[];
  }

  async function bury(entry: string, failures: number): Promise<void> {
    await BURY.run(redis, [stream, `${stream}:dead`], [group, entry, failures, staleMs]);
    log.error("event given up", { stream, entry, failures });
  }

  /** Returns whether the event is done with. */
  async function carryOut([entry, fields]: Entry): Promise<boolean> {
    const ref = { stream, group, entry };
    try {
      const event = schema.parse(JSON.parse(fields[fields.indexOf("event") + 1] ?? ""));
      if (await handle(event, ref) === "ignored") {
        await ACKNOWLEDGE.run(redis, [stream], [group, entry]);
      }
      return true;
    } catch (error) {
      const unavailable = error instanceof Problem && error.status === 503;
      log[unavailable ? "debug" : "warn"]("event failed", { stream, entry, error });
      // That the store is away is not the event's fault.
      const weight = unavailable ? 0 : FAILURE_WEIGHT;
      await COUNT_FAILURE.run(redis, [stream], [group, consumer, entry, weight]).catch((error) => {
        // The delivery itself has been counted.
        log.debug("failure not counted", { stream, entry, error });
      });
      return false;
    }
  }

  let lookForStaleAtMs = 0;
  async function run(): Promise<void> {
    let joined = false;
    while (!closed.signal.aborted) {
      try {
        // deno-lint-ignore no-await-in-loop -- one batch after the other
        if (!joined) await join();
        joined = true;
        const look = clock.now() >= lookForStaleAtMs;
        if (look) lookForStaleAtMs = clock.now() + staleMs / 2;
        // deno-lint-ignore no-await-in-loop -- one batch after the other
        const entries = look ? await takeStale() : [];
        // deno-lint-ignore no-await-in-loop -- one batch after the other
        if (entries.length === 0) entries.push(...await readNew());
        // deno-lint-ignore no-await-in-loop -- one batch after the other
        const done = await Promise.all(entries.map(carryOut));
        if (entries.length === 0 || done.includes(true)) continue;
      } catch (error) {
        // Redis is away (the connection reports it), or lost the group with its data.
        joined = false;
        log.debug("no events", { stream, error });
      }
      // deno-lint-ignore no-await-in-loop -- nothing works at the moment
      await clock.sleep(RETRY_MS, closed.signal).catch(() => {/* closed: the loop ends */});
    }
  }

  const running = run();
  return {
    async close() {
      closed.abort();
      await running;
      // Now only this consumer is idle: it goes if it holds nothing.
      await FORGET_IDLE.run(redis, [stream], [group, 0, consumer]).catch(() => {
        // Redis is away; somebody else forgets this consumer later.
      });
      await redis.close();
    },
  };
}
