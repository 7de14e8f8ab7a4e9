/**
 * The query of a list: `limit` and `cursor`, and the page that answers it.
 *
 * @module
 */
import { z } from "zod";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { Problem } from "./problem.ts";
import type { Entity, ListOptions, Page } from "./store/entity_store.ts";

/** Query parameters that every list takes. To be extended with a list's own. */
export const listQuerySchema: z.ZodObject<
  { limit: z.ZodType<number, string | undefined>; cursor: z.ZodOptional<z.ZodString> }
> = z.object({
  /** Most items in the page. */
  limit: z.string().regex(/^[0-9]{1,15}$/, "must be a whole number").default("20").transform(Number)
    .pipe(z.int().min(1, "must be at least 1").max(100, "must be at most 100")),
  /** `nextCursor` of the page before. */
  cursor: z.string().optional(),
});

/** A parameter that restricts a list to one value. */
export const filterSchema: z.ZodOptional<z.ZodString> = z.string().min(1, "must not be empty").max(
  64,
  "must have at most 64 characters",
).optional();

/**
 * Where to read, from what the client sent.
 *
 * @param idPrefix what every id in this list begins with
 * @throws {Problem} `invalid-parameter` when the cursor is not one that this list gave out
 */
export function toListOptions(
  query: z.output<typeof listQuerySchema>,
  idPrefix: string,
): ListOptions {
  const { limit, cursor } = query;
  if (cursor === undefined) return { limit };
  const after = decodeCursor(cursor);
  if (after.startsWith(idPrefix)) return { limit, after };
  const message = "must be a cursor of this list";
  throw new Problem("invalid-parameter", {
    detail: `Cannot read the list: cursor ${message}`,
    errors: [{ field: "cursor", message }],
  });
}

/** The body of a list's answer. */
export function toListBody<T extends Entity>(page: Page<T>): { items: T[]; nextCursor?: string } {
  const { items, next } = page;
  return next === undefined ? { items } : { items, nextCursor: encodeCursor(next) };
}
