/**
 * What a service needs from where its records are kept. Two implementations, one suite of tests: Redis,
 * which all replicas share and which outlives them, and memory, which shows why one wants Redis.
 *
 * @module
 */

/** What can be stored: anything with an id that the store gives. */
export interface Entity {
  id: string;
}

/** An entity that has no id yet. */
export type Draft<T extends Entity> = Omit<T, "id">;

/** What a store must know of its entities. */
export interface EntityKind<T extends Entity> {
  /** Plural, lower case; prefix of all keys. */
  name: string;
  /** First part of every id. */
  idPrefix: string;
  /** Lists can be restricted to one value of an index; entities whose value is `undefined` are left out. */
  indexes: Readonly<Record<string, (draft: Draft<T>) => string | undefined>>;
}

/** Which part of a list to read. */
export interface ListOptions {
  /** Most items in the page. */
  limit: number;
  /** Id of the last item of the page before. */
  after?: string | undefined;
  /** Only entities whose index has this value. */
  where?: { index: string; value: string } | undefined;
}

/** Part of a list, newest first. */
export interface Page<T> {
  items: T[];
  /** Id to continue after; absent on the last page. */
  next?: string;
}

/** The right to carry out what an idempotency key stands for, until it is used, released or overdue. */
export interface Claim {
  key: string;
  /** Digest of the request that the key came with. */
  fingerprint: string;
  /** Tells this claim from a later one for the same key. */
  token: string;
}

/** What became of an idempotency key that was to be claimed, or of a claim that was to be used. */
export type KeyConflict<T> =
  /** It was used before, by the same request: this is what it created, as it was then. */
  | { kind: "replayed"; entity: T }
  /** The same request is being carried out by somebody else. */
  | { kind: "in-progress" }
  /** It was used before, by a different request. */
  | { kind: "reused" };

/** Answer to {@linkcode EntityStore.claim}. */
export type ClaimResult<T> = { kind: "claimed"; claim: Claim } | KeyConflict<T>;
/** Answer to {@linkcode EntityStore.create}. */
export type CreateResult<T> = { kind: "created"; entity: T } | KeyConflict<T>;

/** Options of {@linkcode EntityStore.create}. */
export interface CreateOptions {
  /** Used up by this creation, in the same atomic step: later claims of its key get this entity. */
  claim?: Claim | undefined;
}

/** How long a key that nobody finished stays claimed: longer than any request may take. */
export const CLAIM_LEASE_MS = 5_000;
/** How long the answer to a key is kept. */
export const KEY_TTL_MS = 24 * 60 * 60 * 1_000;

/** Where the entities of one service are kept. Every method may throw {@linkcode Problem} `store-unavailable`. */
export interface EntityStore<T extends Entity> {
  get(id: string): Promise<T | undefined>;
  /**
   * Reads a page, newest first. Walking on with `next` meets every entity that was there at the start
   * exactly once, whatever is created meanwhile.
   */
  list(options: ListOptions): Promise<Page<T>>;
  /** Gives the entity an id that sorts after all before it, and keeps it. All or nothing. */
  create(draft: Draft<T>, options?: CreateOptions): Promise<CreateResult<T>>;
  /** Asks to be the one who carries out the request that `key` stands for. */
  claim(key: string, fingerprint: string): Promise<ClaimResult<T>>;
  /** Gives a claim back unused, so that the client can try again at once. */
  release(claim: Claim): Promise<void>;
  /**
   * Fills an empty store, so that the first draft gets the first id. Does nothing when it was ever
   * filled or written to; of several processes that try at once, one does it.
   *
   * @returns whether this call filled it
   */
  seed(drafts: readonly Draft<T>[]): Promise<boolean>;
}

/** The id with this number: the number has as many digits in every id, so ids sort like numbers. */
export function formatId(prefix: string, sequence: number): string {
  return `${prefix}${String(sequence).padStart(ID_DIGITS, "0")}`;
}

/** Digits in every id. */
export const ID_DIGITS = 12;
