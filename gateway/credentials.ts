/**
 * Who may log in. There is no directory of passwords here: every user that exists logs in with the one
 * password that the environment sets, and without one nobody does. Replace this file by your own.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { Problem } from "../kit/problem.ts";
import { MemoryRateLimiter } from "../kit/store/rate_limiter.ts";
import { readAnswer } from "../kit/upstream/answer.ts";
import { ID } from "./forward.ts";
import type { GatewayParts } from "./gateway.ts";

/** Longest body that holds credentials. */
export const MAX_CREDENTIALS_BYTES = 8_192;

/** Body of `POST /api/login` and `POST /api/token`. */
export const credentialsSchema = z.object({
  /** Id of a user. */
  user: z.string().regex(ID, "must be the id of a user"),
  password: z.string().min(1).max(1_000),
});
/** What a client logs in with. */
export type Credentials = z.infer<typeof credentialsSchema>;

/** Wrong guesses that a client has in a minute, at each replica. */
export const MAX_WRONG_GUESSES = 10;

/**
 * Checks credentials that came from `client`.
 *
 * @throws {Problem} `unauthorized` without saying whether the user exists, `too-many-requests` after too
 * many wrong guesses, `unavailable` when no password is set, and what asking for the user came to
 */
export type CheckCredentials = (credentials: Credentials, client: string) => Promise<void>;

/** Makes a {@linkcode CheckCredentials}. */
export function createCheckCredentials(parts: GatewayParts): CheckCredentials {
  const { clock, config, upstreams: { users } } = parts;
  const expected = config.DEMO_PASSWORD;
  // In this process: guessing must be slow even while Redis is away, and tokens must not need it.
  const failures = new MemoryRateLimiter({ limit: MAX_WRONG_GUESSES, windowMs: 60_000 });

  async function userExists(id: string): Promise<boolean> {
    const deadlineAtMs = clock.now() + config.UPSTREAM_TIMEOUT_MS;
    try {
      const answer = await users.send({ method: "GET", path: `/users/${id}`, deadlineAtMs });
      return (await readAnswer("users", answer, z.looseObject({ id: z.string() }))).id === id;
    } catch (error) {
      if (error instanceof Problem && error.type === "not-found") return false;
      throw error;
    }
  }

  return async function checkCredentials({ user, password }, client) {
    if (expected === undefined) {
      throw new Problem("unavailable", {
        detail: "Cannot log in: DEMO_PASSWORD must be set where the gateway runs",
      });
    }
    const right = isSame(password, expected);
    // A wrong guess is counted, and a right one asks, before anything is waited for: of many guesses
    // that come at once no more are tried than of many that come one after the other.
    const { allowed, resetMs } = await (right ? failures.peek(client) : failures.consume(client));
    if (!allowed) {
      throw new Problem("too-many-requests", {
        detail: "Cannot log in: too many wrong guesses",
        headers: { "retry-after": String(Math.ceil(resetMs / 1000)) },
      });
    }
    // The user is looked up only for the right password, and its absence looks like a wrong one.
    if (right) {
      if (await userExists(user)) return;
      await failures.consume(client);
    }
    throw new Problem("unauthorized", {
      detail: "Cannot log in: user and password must be right",
      headers: { "www-authenticate": 'Session realm="gateway"' },
    });
  };
}

/** Takes the same time whatever the texts are. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
