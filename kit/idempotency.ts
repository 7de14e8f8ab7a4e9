/**
 * `Idempotency-Key`: a client that got no answer sends the same request with the same key again and
 * gets what the first one got, however often and to whichever replica it is sent.
 *
 * The key is claimed, then used up in the same atomic step that stores the record. Between the two the
 * same request elsewhere is told to wait (409). A process that dies in between leaves nothing but a
 * claim, which runs out after {@linkcode CLAIM_LEASE_MS}. Only success is kept: after a failure the
 * same key starts anew.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { Problem } from "./problem.ts";
import type {
  CreateResult,
  Draft,
  Entity,
  EntityStore,
  KeyConflict,
} from "./store/entity_store.ts";

/** Header in which a client sends the key. */
export const IDEMPOTENCY_KEY = "idempotency-key";
/** Header that marks an answer as the one that an earlier request got. */
export const IDEMPOTENCY_REPLAYED = "idempotency-replayed";

const KEY = /^[\x20-\x7e]{1,255}$/;

/** Options of {@linkcode createOnce}. */
export interface CreateOnceOptions<T extends Entity> {
  store: EntityStore<T>;
  /** Value of the `Idempotency-Key` header; without one, every call creates. */
  key: string | undefined;
  /** What the client sent, validated: decides whether two requests are the same. */
  request: unknown;
  /** Makes what is to be created; called at most once, and only by the one who holds the claim. */
  draft: () => Draft<T>;
}

/** What {@linkcode createOnce} did. */
export interface CreatedOnce<T> {
  entity: T;
  /** Whether the entity is the answer to an earlier request. */
  replayed: boolean;
}

/**
 * Creates an entity, at most once for each key.
 *
 * @throws {Problem} `bad-request` for a key that is not 1 to 255 printable ASCII characters,
 * `idempotency-key-reused`, `conflict` (with `retry-after`) while the same request is in progress, and
 * `store-unavailable`
 */
export async function createOnce<T extends Entity>(
  options: CreateOnceOptions<T>,
): Promise<CreatedOnce<T>> {
  const { store, key, request, draft } = options;
  if (key === undefined) return outcome(await store.create(draft()));
  if (!KEY.test(key)) {
    throw new Problem("bad-request", {
      detail: "Cannot accept Idempotency-Key: it must have 1 to 255 printable ASCII characters",
      errors: [{ field: "idempotency-key", message: "must have 1 to 255 printable characters" }],
    });
  }
  const claimed = await store.claim(key, fingerprint(request));
  if (claimed.kind !== "claimed") return outcome(claimed);
  const { claim } = claimed;
  try {
    return outcome(await store.create(draft(), { claim }));
  } catch (error) {
    // Best effort: when the store is away, the claim runs out by itself.
    await store.release(claim).catch(() => {});
    throw error;
  }
}

function outcome<T>(result: CreateResult<T> | KeyConflict<T>): CreatedOnce<T> {
  switch (result.kind) {
    case "created":
      return { entity: result.entity, replayed: false };
    case "replayed":
      return { entity: result.entity, replayed: true };
    case "in-progress":
      throw new Problem("conflict", {
        detail: "The same request with this Idempotency-Key is being carried out",
        headers: { "retry-after": "1" },
      });
    case "reused":
      throw new Problem("idempotency-key-reused");
  }
}

/** Validated values have their members in the order of the schema, so equal requests are equal text. */
function fingerprint(request: unknown): string {
  return createHash("sha256").update(JSON.stringify(request)).digest("base64url");
}
