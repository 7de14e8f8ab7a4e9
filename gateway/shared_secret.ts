/**
 * A secret for replicas that nobody gave one: the first that needs it makes it, Redis keeps it for all.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import type { RedisClient } from "../kit/redis.ts";

/**
 * Answers the secret that all replicas on one Redis share. Redis is asked until it has answered once.
 *
 * @throws {Problem} `store-unavailable`
 */
export function sharedSecret(redis: Pick<RedisClient, "set">, name: string): () => Promise<string> {
  let known: string | undefined;
  return async () => {
    if (known === undefined) {
      const made = randomBytes(32).toString("hex");
      // The one that is there already, or nothing: then ours is there now.
      known = await redis.set(`secret:${name}`, made, "NX", "GET") ?? made;
    }
    return known;
  };
}
