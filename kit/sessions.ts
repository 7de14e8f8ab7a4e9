/**
 * Sessions: who is logged in, for how long, and until when.
 *
 * A client holds a random token of 256 bits; the store only its SHA-256, so that who reads the store
 * cannot log in. A session ends when it was not used for the idle time, at the latest after the absolute
 * time, when it is ended, or when all sessions of its user are.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type Clock, systemClock } from "./clock.ts";
import type { SessionRecord, SessionStore } from "./store/session_store.ts";

/** Options of {@linkcode Sessions}. */
export interface SessionsOptions {
  store: SessionStore;
  /** Its wall time is compared between replicas: they may differ by as much as sessions may. @default systemClock */
  clock?: Clock;
  /** Longest time without use. @default 1_800_000 (30 min) */
  idleMs?: number;
  /** Longest time since login. @default 43_200_000 (12 h) */
  absoluteMs?: number;
}

/** A session that is valid now. Times are milliseconds since the epoch. */
export interface Session {
  user: string;
  createdAtMs: number;
  /** When it ends, unless it is used before; never later than {@linkcode Session.expiresAtMs}. */
  idleUntilMs: number;
  /** When it ends, whatever happens. */
  expiresAtMs: number;
}

/** A session and the secret that stands for it; nothing else ever holds the token. */
export interface StartedSession {
  token: string;
  session: Session;
}

const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** The sessions of all users. Every method may throw {@linkcode Problem} `store-unavailable`. */
export class Sessions {
  readonly #store: SessionStore;
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #absoluteMs: number;

  /** @throws {RangeError} when a time is not a positive number, or idle is longer than absolute */
  constructor(options: SessionsOptions) {
    const { store, clock = systemClock, idleMs = 1_800_000, absoluteMs = 43_200_000 } = options;
    if (!(idleMs > 0 && absoluteMs >= idleMs && absoluteMs < Infinity)) {
      throw new RangeError(
        `Cannot create sessions: idle and absolute time must be positive and in that order, received "${idleMs}" and "${absoluteMs}"`,
      );
    }
    this.#store = store;
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#absoluteMs = absoluteMs;
  }

  /** Starts a session with a new token; a token that a client brings is never taken over. */
  async start(user: string): Promise<StartedSession> {
    const token = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
    const nowMs = this.#clock.wallNow();
    const generation = await this.#store.generation(user);
    const record = { user, generation, createdAtMs: nowMs, lastSeenAtMs: nowMs };
    await this.#store.put(digest(token), record, this.#absoluteMs);
    return { token, session: this.#describe(record) };
  }

  /** The session that the token stands for, if it is valid; being found counts as use. */
  async find(token: string | undefined): Promise<Session | undefined> {
    if (token === undefined || !TOKEN.test(token)) return undefined;
    const key = digest(token);
    const record = await this.#store.get(key);
    if (!record) return undefined;
    const nowMs = this.#clock.wallNow();
    const { idleUntilMs, expiresAtMs } = this.#describe(record);
    if (
      nowMs >= idleUntilMs ||
      await this.#store.generation(record.user) !== record.generation
    ) {
      await this.#store.delete(key);
      return undefined;
    }
    // Once in a while is enough, and spares most requests a write.
    if (nowMs - record.lastSeenAtMs >= this.#idleMs / 30) {
      record.lastSeenAtMs = nowMs;
      await this.#store.replace(key, record, expiresAtMs - nowMs);
    }
    return this.#describe(record);
  }

  /** Ends one session; does nothing when there is none. */
  async end(token: string | undefined): Promise<void> {
    if (token !== undefined && TOKEN.test(token)) await this.#store.delete(digest(token));
  }

  /** Ends every session of the user, wherever it was started. */
  async endAll(user: string): Promise<void> {
    await this.#store.nextGeneration(user, this.#absoluteMs);
  }

  #describe({ user, createdAtMs, lastSeenAtMs }: SessionRecord): Session {
    const expiresAtMs = createdAtMs + this.#absoluteMs;
    const idleUntilMs = Math.min(lastSeenAtMs + this.#idleMs, expiresAtMs);
    return { user, createdAtMs, idleUntilMs, expiresAtMs };
  }
}

function digest(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}
