/**
 * Which answers may be given to somebody else than the one who asked.
 *
 * @module
 */
import type { HeaderFields } from "./headers.ts";

/** With these a client asks for something of its own. */
const OWN = [
  "range",
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
  "if-range",
  "pragma",
];

/** Whether the request cannot be answered with what somebody else was answered. */
export function asksForItsOwn(headers: HeaderFields): boolean {
  for (const name of OWN) if (headers[name] !== undefined) return true;
  const cacheControl = headers["cache-control"];
  return cacheControl !== undefined && /no-(?:store|cache)|max-age=0/i.test(cacheControl);
}

/**
 * The request fields that an answer depends on; `undefined` when it may not be shared at all, or is
 * longer than `maxBytes`.
 */
export function sharableBy(
  { headers }: Response,
  maxBytes: number,
): readonly string[] | undefined {
  const length = headers.get("content-length");
  if (length === null || Number(length) > maxBytes) return undefined;
  if (/no-store|private/i.test(headers.get("cache-control") ?? "")) return undefined;
  if (headers.has("set-cookie")) return undefined;
  const vary = (headers.get("vary") ?? "").toLowerCase().split(",").map((name) => name.trim())
    .filter((name) => name !== "");
  return vary.includes("*") ? undefined : vary;
}
