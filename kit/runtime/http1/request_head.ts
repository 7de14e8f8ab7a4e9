/**
 * The header of a request (RFC 9112).
 *
 * @module
 */
import type { HeaderFields } from "../../upstream/headers.ts";

/** A request without a body. */
export interface BodilessRequest {
  method: "GET" | "HEAD";
  /** Path and query. What is not ASCII is percent-encoded here, as a client may send it as it is. */
  path: string;
  host: string;
  /** Without those that say where a message ends, or to whom it goes. */
  fields: HeaderFields;
}

const PATH = /^\/[\x21-\x7e]*$/;
const NOT_ASCII = /[^\0-\x7f]+/g;
const FRAMING = new Set(["host", "connection", "content-length", "transfer-encoding", "upgrade"]);
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const encoder = new TextEncoder();

/**
 * Request line and fields, with the empty line after them.
 *
 * @throws {TypeError} when something of it would not be read as what it is: a line break in a value is another field
 */
export function requestHead({ method, path, host, fields }: BodilessRequest): Uint8Array {
  const target = path.replace(NOT_ASCII, (part) => encodeURIComponent(part.toWellFormed()));
  check("the path must be printable", PATH, target);
  let text = `${method} ${target} HTTP/1.1\r\nhost: ${host}\r\n`;
  for (const name in fields) {
    const value = fields[name] ?? "";
    check("the name of a field must be a token in lower case", TOKEN, name);
    if (FRAMING.has(name)) throw new TypeError(`Cannot send a request: "${name}" must be left out`);
    check("the value of a field must be one line of latin1", VALUE, value);
    text += `${name}: ${value}\r\n`;
  }
  text += "\r\n";
  const bytes = encoder.encode(text);
  // Longer in UTF-8: it is not ASCII alone, and HTTP means latin1.
  return bytes.length === text.length ? bytes : Uint8Array.from(text, (c) => c.charCodeAt(0));
}

function check(rule: string, pattern: RegExp, value: string): void {
  if (pattern.test(value)) return;
  throw new TypeError(`Cannot send a request: ${rule}, received "${value.slice(0, 100)}"`);
}
