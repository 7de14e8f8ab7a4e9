/**
 * Which headers go on to the next hop (RFC 9110, section 7.6.1).
 *
 * @module
 */

/** Header fields as `fetch` and `Headers` take them. */
export type HeaderList = [name: string, value: string][];

/** They concern one connection only. */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-authentication-info",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
];

/** What a caller of {@linkcode endToEnd} leaves out; lower case. */
export type HeaderNames = ReadonlySet<string>;

/** A set of names to leave out: the hop-by-hop ones and `more`, in lower case. */
export function withHopByHop(...more: string[]): HeaderNames {
  return new Set([...HOP_BY_HOP, ...more]);
}

/**
 * The header fields of a message that may go on: none of `dropped`, none that its `Connection` field
 * names.
 */
export function endToEnd(headers: Headers, dropped: HeaderNames): HeaderList {
  const kept: HeaderList = [];
  let connection: string | undefined;
  for (const field of headers) {
    if (field[0] === "connection") connection = field[1];
    if (!dropped.has(field[0])) kept.push(field);
  }
  // Nearly always absent or `keep-alive`, so the list is looked at only when it names more.
  if (connection === undefined || dropped.has(connection.trim().toLowerCase())) return kept;
  const named = new Set(connection.toLowerCase().split(",").map((name) => name.trim()));
  return kept.filter(([name]) => !named.has(name));
}
