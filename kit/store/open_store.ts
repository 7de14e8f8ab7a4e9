/**
 * Opens the store that the environment asks for, and fills it with the seed data.
 *
 * @module
 */
import { z } from "zod";
import type { InstanceContext } from "../instance_app.ts";
import type { Draft, Entity, EntityKind, EntityStore } from "./entity_store.ts";
import { MemoryStore } from "./memory_store.ts";
import { RedisStore } from "./redis_store.ts";

/** What a service reads from the environment to find its store. */
export const storeSettingsSchema = z.object({
  STORE: z.enum(["redis", "memory"]).default("redis"),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).default("redis://127.0.0.1:6379"),
  /** Whether to fill an empty store with data to look at. */
  SEED: z.enum(["0", "1"]).default("1"),
});
/** Parsed {@linkcode storeSettingsSchema}. */
export type StoreSettings = z.output<typeof storeSettingsSchema>;

/** Options of {@linkcode openStore}. */
export interface OpenStoreOptions<T extends Entity> {
  context: Pick<InstanceContext, "clock" | "log">;
  settings: StoreSettings;
  kind: EntityKind<T>;
  seed: () => readonly Draft<T>[];
  /** Stream to which every record that is created is added, when the store is Redis. */
  publishTo?: string | undefined;
}

/** A store and the way to let go of it. */
export interface OpenedStore<T extends Entity> {
  store: EntityStore<T>;
  /** The same store, when it is one that all processes share. */
  shared?: RedisStore<T>;
  close(): Promise<void>;
}

/** Longest that a start waits for the store; later it is filled in the background. */
const START_WAIT_MS = 2_000;
const RETRY_MS = 250;

/** Opens a store; resolves when it is filled, or after 2 s when Redis is away. */
export async function openStore<T extends Entity>(
  options: OpenStoreOptions<T>,
): Promise<OpenedStore<T>> {
  const { context: { clock, log }, settings, kind, seed, publishTo } = options;
  if (settings.STORE === "memory") {
    const store = new MemoryStore(kind, { clock });
    if (settings.SEED === "1") await store.seed(seed());
    return { store, close: () => Promise.resolve() };
  }
  // Loaded when needed: ioredis reads the whole environment as it loads.
  const { createRedis } = await import("../redis.ts");
  const redis = createRedis({ url: settings.REDIS_URL, log, clock });
  const store = new RedisStore(redis, kind, { publishTo });
  const closed = new AbortController();

  async function fill(): Promise<void> {
    while (!closed.signal.aborted) {
      try {
        // deno-lint-ignore no-await-in-loop -- again until it worked
        await redis.whenReady(START_WAIT_MS);
        // deno-lint-ignore no-await-in-loop -- again until it worked
        if (settings.SEED === "1" && await store.seed(seed())) {
          log.info("seeded", { kind: kind.name });
        }
        return;
      } catch (error) {
        log.debug("not seeded yet", { kind: kind.name, error });
      }
      // deno-lint-ignore no-await-in-loop -- again until it worked
      await clock.sleep(RETRY_MS, closed.signal).catch(() => {/* closed: the loop ends */});
    }
  }

  const filled = new AbortController();
  void fill().finally(() => filled.abort());
  await clock.sleep(START_WAIT_MS, filled.signal).catch(() => {/* filled in time */});
  return {
    store,
    shared: store,
    async close() {
      closed.abort();
      await redis.close();
    },
  };
}
