/**
 * Signed tokens: what a replica can check by itself, without asking anybody. The price is that a token
 * cannot be taken back before it expires.
 *
 * @module
 */
import { sign, verify } from "hono/jwt";
import { z } from "zod";
import type { Clock } from "../kit/clock.ts";

/** Never taken from the token: else a client chooses how it is checked. */
const ALGORITHM = "HS256";
const ISSUER = "gateway";
/** RFC 7518, section 3.2: the key of HS256 must have at least 256 bits. */
const MIN_SECRET_LENGTH = 32;

const claimsSchema = z.object({
  sub: z.string().min(1),
  iat: z.int(),
  exp: z.int(),
});
/** What a token says: RFC 7519 names, times in seconds since the epoch. */
export type Claims = z.infer<typeof claimsSchema>;

/** Options of {@linkcode Tokens}. */
export interface TokensOptions {
  /** Shared by all replicas; at least 32 characters. */
  secret: string;
  clock: Clock;
  /** @default 900 */
  lifetimeSeconds?: number;
}

/** A token, and what it says. */
export interface IssuedToken {
  token: string;
  claims: Claims;
}

/** Issues and checks tokens (JWT, RFC 7519). */
export class Tokens {
  readonly #secret: string;
  readonly #clock: Clock;
  readonly #lifetimeSeconds: number;

  /** @throws {RangeError} when the secret is too short; it does not say what it was */
  constructor(options: TokensOptions) {
    const { secret, clock, lifetimeSeconds = 900 } = options;
    if (secret.length < MIN_SECRET_LENGTH) {
      throw new RangeError(
        `Cannot sign tokens: the secret must have at least ${MIN_SECRET_LENGTH} characters, received "${secret.length}"`,
      );
    }
    this.#secret = secret;
    this.#clock = clock;
    this.#lifetimeSeconds = lifetimeSeconds;
  }

  /** A token for the user. */
  async issue(user: string): Promise<IssuedToken> {
    const iat = this.#now();
    const claims = { sub: user, iat, exp: iat + this.#lifetimeSeconds };
    return { token: await sign({ iss: ISSUER, ...claims }, this.#secret, ALGORITHM), claims };
  }

  /** What the token says, if it is one of ours and has not expired. */
  async check(token: string): Promise<Claims | undefined> {
    try {
      // Hono reads the system's clock, so the times are checked here.
      const payload = await verify(token, this.#secret, {
        alg: ALGORITHM,
        iss: ISSUER,
        exp: false,
        iat: false,
        nbf: false,
      });
      const { success, data } = claimsSchema.safeParse(payload);
      return success && data.exp > this.#now() ? data : undefined;
    } catch {
      return undefined; // whatever is wrong with it, it is not valid
    }
  }

  #now(): number {
    return Math.floor(this.#clock.wallNow() / 1000);
  }
}
