/**
 * Which header fields go on to the next hop (RFC 9110, section 7.6.1). Hot path: what a request costs
 * here was measured, and the comments say where it decided.
 *
 * @module
 */

/** Fields of a request by name in lower case. */
export type HeaderFields = Record<string, string>;

/** They concern one connection only. */
export const HOP_BY_HOP: readonly string[] = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
];

/** The fields of a request: those that may go on, and those that were held back. */
export interface SplitFields {
  readonly passed: HeaderFields;
  readonly withheld: HeaderFields;
}

/**
 * Reads a request's fields, all at once: each `get` of a header is a call into the runtime. Held back are
 * those of `withhold` (which should include {@linkcode HOP_BY_HOP}); what the `Connection` field names is
 * not passed either.
 */
export function splitFields(headers: Headers, withhold: ReadonlySet<string>): SplitFields {
  const passed: HeaderFields = {};
  const withheld: HeaderFields = {};
  // Not for-of: the iterator of Headers costs twice as much on Deno.
  headers.forEach((value, name) => {
    if (withhold.has(name)) withheld[name] = value;
    else passed[name] = value;
  });
  const { connection } = withheld;
  if (connection !== undefined) {
    for (const name of namedByConnection(connection)) delete passed[name];
  }
  return { passed, withheld };
}

/** Whether there is one of `names`; in one pass, which costs less than to ask for each. */
export function hasAny(headers: Headers, names: ReadonlySet<string>): boolean {
  let found = false;
  headers.forEach((_, name) => found ||= names.has(name));
  return found;
}

/** Removes from an answer what is hop-by-hop, and what its `Connection` field names. */
export function removeHopByHop(headers: Headers): void {
  for (const name of namedByConnection(headers.get("connection") ?? "")) headers.delete(name);
  for (const name of HOP_BY_HOP) headers.delete(name);
}

/** What `Connection` names beyond the usual; nearly always nothing. */
function namedByConnection(connection: string): readonly string[] {
  const names = connection.toLowerCase().split(",").map((name) => name.trim());
  // Anything else is no name of a field, and would make delete() throw.
  return names.filter((name) => /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name));
}
