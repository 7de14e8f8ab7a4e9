/**
 * Lua scripts for Redis, sent by their digest once the server knows them.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { RedisClient } from "./redis.ts";

/** A script that runs in Redis, alone and as a whole. */
export class RedisScript {
  readonly #lua: string;
  readonly #digest: string;

  constructor(lua: string) {
    this.#lua = lua;
    this.#digest = createHash("sha1").update(lua).digest("hex");
  }

  /**
   * Runs it with every key that it touches, and its other arguments.
   *
   * @throws {Problem} `store-unavailable`
   */
  async run(
    redis: RedisClient,
    keys: readonly string[],
    args: readonly (string | number)[] = [],
  ): Promise<unknown> {
    try {
      return await redis.evalsha(this.#digest, keys.length, ...keys, ...args);
    } catch (error) {
      // The server started anew since: it refused without running anything.
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return await redis.eval(this.#lua, keys.length, ...keys, ...args);
    }
  }
}
