/**
 * Who may log in. There is no directory of passwords here: every user that exists logs in with the one
 * password that the environment sets, and without one nobody does. Replace this file by your own.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { Clock } from "../kit/clock.ts";
import { Problem } from "../kit/problem.ts";
import { MemoryRateLimiter } from "../kit/store/rate_limiter.ts";

/** Body of `POST /api/login` and `POST /api/token`. */
export const credentialsSchema = z.object({
  /** Id of a user. */
  user: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "must be the id of a user"),
  password: z.string().min(1).max(1_000),
});
/** What a client logs in with. */
export type Credentials = z.infer<typeof credentialsSchema>;

/** Options of {@linkcode createCheckCredentials}. */
export interface CheckCredentialsOptions {
  /** The password of every user; without one, nobody can log in. */
  password: string | undefined;
  /** Tells whether a user exists; what it throws reaches the client. */
  userExists: (id: string) => Promise<boolean>;
  clock: Clock;
  /** Wrong guesses that a client has in a minute, at each replica. @default 10 */
  maxFailures?: number;
}

/**
 * Checks credentials that came from `client`.
 *
 * @throws {Problem} `unauthorized` without saying whether the user exists, `too-many-requests` after too
 * many wrong guesses, `unavailable` when no password is set
 */
export type CheckCredentials = (credentials: Credentials, client: string) => Promise<void>;

/** Makes a {@linkcode CheckCredentials}. */
export function createCheckCredentials(options: CheckCredentialsOptions): CheckCredentials {
  const { password: expected, userExists, clock, maxFailures = 10 } = options;
  // In this process: guessing must be slow even while Redis is away, and tokens must not need it.
  const failures = new MemoryRateLimiter({ limit: maxFailures, windowMs: 60_000, clock });

  return async function checkCredentials({ user, password }, client) {
    if (expected === undefined) {
      throw new Problem("unavailable", {
        detail: "Cannot log in: DEMO_PASSWORD must be set where the gateway runs",
      });
    }
    const { allowed, resetMs } = failures.peek(client);
    if (!allowed) {
      throw new Problem("too-many-requests", {
        detail: "Cannot log in: too many wrong guesses",
        headers: { "retry-after": String(Math.ceil(resetMs / 1000)) },
      });
    }
    // The user is looked up only for the right password, and its absence looks like a wrong one.
    if (isSame(password, expected) && await userExists(user)) return;
    await failures.consume(client);
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
