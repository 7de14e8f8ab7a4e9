/**
 * The header of an answer (RFC 9112). Strict: what two programs could read in two ways is refused.
 *
 * @module
 */
import type { HeaderFields } from "../../upstream/headers.ts";
import { type BodyReader, ChunkedBody, SizedBody, UnsizedBody } from "./body.ts";

/** What the header of an answer says. */
export interface AnswerHead {
  /** 100 to 599, without 101. */
  status: number;
  /** A record, which `Response` takes fastest, unless a field comes twice. */
  fields: HeaderFields | Headers;
  /** Absent when there is no body. */
  body?: BodyReader;
  /** Whether the connection may be used again after it. */
  keepAlive: boolean;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
// deno-lint-ignore no-control-regex -- those are what must not be there
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;
const DIGITS = /^[0-9]{1,15}$/;

/**
 * Parses a header, without the empty line that ends it.
 *
 * @param method of the request, which decides whether there is a body
 * @throws {Error} when it is not well-formed, or asks for another protocol
 */
export function parseHead(text: string, method: string): AnswerHead {
  let lineEnd = endOfLine(text, 0);
  const [, minor, digits] = STATUS_LINE.exec(text.slice(0, lineEnd)) ?? [];
  if (digits === undefined || digits === "101") {
    throw malformed("it must begin with a status", text);
  }
  const status = Number(digits);
  const record: HeaderFields = {};
  let repeated: Headers | undefined;
  while (lineEnd < text.length) {
    const start = lineEnd + 2;
    lineEnd = endOfLine(text, start);
    const colon = text.indexOf(":", start);
    const name = text.slice(start, colon).toLowerCase();
    const value = text.slice(colon + 1, lineEnd);
    if (colon < 0 || colon > lineEnd || !TOKEN.test(name) || CONTROL.test(value)) {
      throw malformed("every line must be a field", text.slice(start, lineEnd));
    }
    const trimmed = withoutPadding(value);
    const comesAgain = Object.hasOwn(record, name);
    if (comesAgain) repeated ??= new Headers(record);
    repeated?.append(name, trimmed);
    record[name] = comesAgain ? `${record[name]}, ${trimmed}` : trimmed;
  }
  const connection = record["connection"];
  const keepAlive = minor === "1" && (connection === undefined || !/\bclose\b/i.test(connection));
  const head: AnswerHead = { status, fields: repeated ?? record, keepAlive };
  const body = bodyOf(record);
  if (method !== "HEAD" && status >= 200 && status !== 204 && status !== 304) head.body = body;
  return head;
}

/** A length and chunks at once, or two lengths, are how one answer is smuggled into another. */
function bodyOf(record: HeaderFields): BodyReader {
  const { "content-length": length, "transfer-encoding": encoding } = record;
  if (encoding !== undefined) {
    if (encoding.toLowerCase() === "chunked" && length === undefined) return new ChunkedBody();
    throw malformed("transfer-encoding must be chunked, and without a length", encoding);
  }
  if (length === undefined) return new UnsizedBody();
  if (DIGITS.test(length)) return new SizedBody(Number(length));
  throw malformed("content-length must be one number", length);
}

/** Spaces and tabs only: `trim()` would take what belongs to a value in latin1. */
function withoutPadding(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isPadding(value.charCodeAt(start))) start++;
  while (end > start && isPadding(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

function isPadding(code: number): boolean {
  return code === 32 || code === 9;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\r\n", from);
  return end < 0 ? text.length : end;
}

function malformed(rule: string, received: string): Error {
  return new Error(`Cannot read an answer: ${rule}, received "${received.slice(0, 100)}"`);
}
