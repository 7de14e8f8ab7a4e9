/**
 * News of writes: whoever changes records says so in the same step in Redis (see
 * `kit/store/redis_scripts.ts`), whoever keeps copies listens here.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import { createRedis } from "./redis.ts";
import type { Logger } from "./log.ts";
import { CHANGES } from "./store/redis_scripts.ts";

/** Told which kind of records changed (`users`, `orders`, `payments`); `undefined` when any may have: news could have been missed. */
export type ChangeListener = (kind: string | undefined) => void;

/** Tells of changes while it is connected. */
export interface ChangeFeed {
  /** Whether every change is heard of now. While it is not, nobody may rely on a copy. */
  readonly connected: boolean;
  /** Adds a listener; it is told `undefined` whenever the feed breaks. */
  onChange(listener: ChangeListener): void;
}

/** A feed that holds a connection. */
export interface OpenChangeFeed extends ChangeFeed {
  close(): Promise<void>;
}

/** Options of {@linkcode openChangeFeed}. */
export interface ChangeFeedOptions {
  url: string;
  log: Logger;
  clock: Clock;
  /** Longest time for which a dead connection goes unnoticed is twice this. @default 1000 */
  deadlineMs?: number;
}

/** Opens a feed on a connection of its own; it connects, and connects again, in the background. */
export function openChangeFeed(options: ChangeFeedOptions): OpenChangeFeed {
  const { clock, deadlineMs = 1_000 } = options;
  const redis = createRedis({ ...options, deadlineMs, name: "changes" });
  const listeners: ChangeListener[] = [];
  const closed = new AbortController();
  let connected = false;
  const tell = (kind: string | undefined) => listeners.forEach((listener) => listener(kind));

  redis.on("ready", async () => {
    try {
      await redis.subscribe(CHANGES);
      connected = true;
    } catch {
      redis.disconnect(true); // without the subscription there is no use in the connection
    }
  });
  redis.on("close", () => {
    connected = false;
    tell(undefined);
  });
  redis.on("message", (_channel: string, kind: string) => tell(kind));

  /** Nothing is sent on a connection that only listens, so nobody would notice that it is dead. */
  async function ask(): Promise<void> {
    while (!closed.signal.aborted) {
      // deno-lint-ignore no-await-in-loop -- one question after the other
      if (connected) await redis.ping().catch(() => {/* the client drops the connection */});
      // deno-lint-ignore no-await-in-loop -- one question after the other
      await clock.sleep(deadlineMs, closed.signal).catch(() => {/* closed: the loop ends */});
    }
  }
  void ask();

  return {
    get connected() {
      return connected;
    },
    onChange: (listener) => void listeners.push(listener),
    async close() {
      closed.abort();
      await redis.close();
    },
  };
}
