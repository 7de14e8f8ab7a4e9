/**
 * Which header fields go on to the next hop (RFC 9110, section 7.6.1). Hot path: what a request costs
 * here was measured, and the comments say where it decided.
 *
 * @module
 */

/** Fields of a request by name in lower case. `fetch` takes a record faster than a list of pairs. */
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

/**
 * The fields of a request that may go on: none of `dropped` (which should include
 * {@linkcode HOP_BY_HOP}), none that its `Connection` field names.
 */
export function endToEndFields(headers: Headers, dropped: ReadonlySet<string>): HeaderFields {
  const kept: HeaderFields = {};
  // Not for-of: the iterator of Headers costs twice as much on Deno.
  headers.forEach((value, name) => {
    if (!dropped.has(name)) kept[name] = value;
  });
  for (const name of namedByConnection(headers)) delete kept[name];
  return kept;
}

/**
 * Removes from an answer what is hop-by-hop, and what its `Connection` field names. In place: a
 * Response made with the Headers of another copies them fast, and nearly never is there anything to
 * remove.
 */
export function removeHopByHop(headers: Headers): void {
  for (const name of namedByConnection(headers)) headers.delete(name);
  for (const name of HOP_BY_HOP) if (headers.has(name)) headers.delete(name);
}

/** What `Connection` names beyond the usual; nearly always nothing. */
function namedByConnection(headers: Headers): readonly string[] {
  const connection = headers.get("connection");
  if (connection === null) return NONE;
  const names = connection.toLowerCase().split(",").map((name) => name.trim());
  // Anything else is no name of a field, and would make delete() throw.
  return names.filter((name) => /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name));
}

const NONE: readonly string[] = [];
