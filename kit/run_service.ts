/**
 * Runs a service: an instance with a store, seed data, faults when they are allowed, and events when
 * there is a Redis to carry them. `main.ts` of each service is one call of {@linkcode runService}.
 *
 * @module
 */
import type { Hono } from "hono";
import { z } from "zod";
import { consumeEvents, type EventConsumerOptions, type EventRef } from "./event_consumer.ts";
import { Faults } from "./faults.ts";
import type { InstanceContext, InstanceEnv } from "./instance_app.ts";
import type { Environment } from "./runtime/env.ts";
import { runInstance } from "./runtime/run.ts";
import type { Draft, Entity, EntityKind, EntityStore } from "./store/entity_store.ts";
import { openStore, storeSettingsSchema } from "./store/open_store.ts";
import type { RedisStore } from "./store/redis_store.ts";

/** Parts of a service that its app is made from. */
export interface ServiceParts<T extends Entity> {
  context: InstanceContext;
  store: EntityStore<T>;
  /** Absent unless faults are allowed. */
  faults?: Faults | undefined;
}

/** What a service tells others, and what it does about what they tell it. */
export interface ServiceEvents<T extends Entity, Event> {
  /** Stream to which every record that is created is added. */
  publishTo: string;
  consume: Pick<EventConsumerOptions<Event>, "stream" | "schema"> & {
    /** See {@linkcode EventConsumerOptions.handle}. */
    handle(event: Event, ref: EventRef, parts: EventParts<T>): Promise<"done" | "ignored">;
  };
}

/** What the handler of events works with. */
export interface EventParts<T extends Entity> {
  store: RedisStore<T>;
  context: InstanceContext;
}

/** Options of {@linkcode runService}. */
export interface RunServiceOptions<T extends Entity, Event> {
  /** The process's environment. */
  env: Environment;
  /** What the service keeps; the service has its name. */
  kind: EntityKind<T>;
  seed: () => readonly Draft<T>[];
  createApp(parts: ServiceParts<T>): Hono<InstanceEnv>;
  events?: ServiceEvents<T, Event>;
}

const settingsSchema = storeSettingsSchema.extend({
  /** Whether `/faults` is there. */
  FAULTS: z.enum(["0", "1"]).default("0"),
});

/** Runs a service until a signal ends it; resolves when it listens. */
export function runService<T extends Entity, Event>(
  options: RunServiceOptions<T, Event>,
): Promise<void> {
  const { env, kind, seed, createApp, events } = options;
  return runInstance({
    service: kind.name,
    env,
    config: settingsSchema,
    async create(context, settings) {
      const { clock } = context;
      const publishTo = events?.publishTo;
      const opened = await openStore({ context, settings, kind, seed, publishTo });
      const consumer = events && opened.shared && consume(context, events, {
        url: settings.REDIS_URL,
        store: opened.shared,
      });
      const faults = settings.FAULTS === "1"
        ? new Faults({ clock, random: Math.random })
        : undefined;
      return {
        fetch: createApp({ context, store: opened.store, faults }).fetch,
        async close() {
          await consumer?.close();
          await opened.close();
        },
      };
    },
  });
}

function consume<T extends Entity, Event>(
  context: InstanceContext,
  { consume: { stream, schema, handle } }: ServiceEvents<T, Event>,
  { url, store }: { url: string; store: RedisStore<T> },
) {
  const { id, service, clock, log } = context;
  return consumeEvents({
    url,
    stream,
    group: service,
    consumer: id,
    schema,
    handle: (event, ref) => handle(event, ref, { store, context }),
    clock,
    log,
  });
}
