/**
 * What identifies a request on its way through the system: its id, and the W3C trace context that it
 * came with.
 *
 * @module
 */

/** Header that carries the request id, both ways. */
export const REQUEST_ID = "x-request-id";

const SAFE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$/;
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * Makes a function that numbers requests: a random prefix for each instance and a counter. Unique and
 * cheap, but not secret: never use it as a token.
 */
export function createRequestIds(): () => string {
  const prefix = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  let count = 0;
  return () => `${prefix}-${(++count).toString(36)}`;
}

/** The id that a caller sent, when it is harmless (8 to 64 letters, digits, `.`, `_`, `-`). */
export function acceptRequestId(value: string | null): string | undefined {
  return value !== null && SAFE_ID.test(value) ? value : undefined;
}

/**
 * A valid `traceparent`, to be passed on as it is; anything else must be dropped.
 *
 * None is made up when there is none: nothing here samples traces, and the request id already ties the
 * logs together.
 */
export function acceptTraceparent(value: string | null): string | undefined {
  return value !== null && value.length === 55 && TRACEPARENT.test(value) ? value : undefined;
}
