/**
 * Cursors of lists: where the next page begins, opaque to clients so that stores can change.
 *
 * @module
 */
import { Problem } from "./problem.ts";

const CURSOR = /^v1:([\x21-\x7e]{1,128})$/;

/** The cursor that stands for `id` (1 to 128 printable ASCII characters). */
export function encodeCursor(id: string): string {
  const text = `v1:${id}`;
  if (!CURSOR.test(text)) {
    throw new RangeError(
      `Cannot encode cursor: id must be 1 to 128 printable ASCII characters, received "${id}"`,
    );
  }
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * The id that a cursor stands for.
 *
 * @throws {Problem} `invalid-parameter` when it is not one of ours
 */
export function decodeCursor(cursor: string): string {
  const id = /^[A-Za-z0-9_-]{1,180}$/.test(cursor) ? parse(cursor) : undefined;
  // Only the one spelling that we give out counts: the last character of base64 has spare bits.
  if (id === undefined || encodeCursor(id) !== cursor) {
    const message = "must be a cursor from the previous page";
    throw new Problem("invalid-parameter", {
      detail: `Cannot read the list: cursor ${message}`,
      errors: [{ field: "cursor", message }],
    });
  }
  return id;
}

function parse(cursor: string): string | undefined {
  try {
    return CURSOR.exec(atob(cursor.replaceAll("-", "+").replaceAll("_", "/")))?.[1];
  } catch {
    return undefined; // not base64: the caller answers
  }
}
