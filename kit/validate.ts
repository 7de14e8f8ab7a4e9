/**
 * What clients send, checked at the edge: bodies and query strings become typed values or a
 * {@linkcode Problem} that names what is wrong.
 *
 * @module
 */
import type { Context } from "hono";
import type { z } from "zod";
import { Problem, type Violation } from "./problem.ts";

/** Options of {@linkcode parseJsonBody}. */
export interface ParseJsonBodyOptions {
  /** Largest body. @default 1_048_576 */
  maxBytes?: number;
}

/** A request, or a context that has one. */
type RequestSource = Request | Pick<Context, "req">;

const JSON_TYPE = /^application\/(?:[a-z0-9.!#$&^_-]+\+)?json[ \t]*(?:;|$)/i;
const MAX_VIOLATIONS = 50;

/**
 * Reads a JSON body and checks it against `schema`.
 *
 * The limit counts bytes while they arrive; what Content-Length says can only refuse a body earlier.
 *
 * @throws {Problem} `unsupported-media-type`, `payload-too-large`, `malformed-json` (also for text that
 * is not UTF-8) or `schema-violation` with a JSON pointer for each violated rule
 */
export async function parseJsonBody<T extends z.ZodType>(
  source: RequestSource,
  schema: T,
  options: ParseJsonBodyOptions = {},
): Promise<z.output<T>> {
  const { maxBytes = 1_048_576 } = options;
  const request = "req" in source ? source.req.raw : source;
  requireJson(request.headers);
  const value = decodeJson(await readBody(request, maxBytes));
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Problem("schema-violation", {
    detail: "Cannot accept the body: it must follow the schema",
    errors: violations(result.error, pointer),
  });
}

/**
 * Checks the query string against `schema`, whose properties see strings.
 *
 * @throws {Problem} `invalid-parameter` with the name of each parameter that is wrong or given twice
 */
export function parseQuery<T extends z.ZodType>(
  c: Pick<Context, "req">,
  schema: T,
): z.output<T> {
  const values: Record<string, string> = Object.create(null);
  const errors: Violation[] = [];
  for (const [field, [value, ...more]] of Object.entries(c.req.queries())) {
    if (more.length > 0) errors.push({ field, message: "must be given once" });
    values[field] = value ?? "";
  }
  const result = schema.safeParse({ ...values });
  if (!result.success) errors.push(...violations(result.error, (path) => path.join(".")));
  else if (errors.length === 0) return result.data;
  const [first] = errors;
  throw new Problem("invalid-parameter", {
    detail: `Cannot read the query: ${first?.field} is not valid: ${first?.message}`,
    errors: errors.slice(0, MAX_VIOLATIONS),
  });
}

function requireJson(headers: Headers): void {
  const type = headers.get("content-type") ?? "";
  if (!JSON_TYPE.test(type)) {
    throw new Problem("unsupported-media-type", {
      detail: `Cannot accept the body: content-type must be application/json, received "${
        type.slice(0, 100)
      }"`,
      headers: { accept: "application/json" },
    });
  }
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity") {
    throw new Problem("unsupported-media-type", {
      detail: `Cannot accept the body: it must not be encoded, received "${
        encoding.slice(0, 100)
      }"`,
      headers: { "accept-encoding": "identity" },
    });
  }
}

async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () =>
    new Problem("payload-too-large", {
      detail: `Cannot accept the body: it must have at most ${maxBytes} bytes`,
    });
  if (Number(request.headers.get("content-length")) > maxBytes) throw tooLarge();
  if (request.bodyUsed) throw new TypeError("Cannot read the body: it must not have been read yet");
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop cancels the stream: the rest of an oversized body is never read.
  for await (const chunk of request.body ?? []) {
    length += chunk.byteLength;
    if (length > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  const [only] = chunks;
  if (chunks.length === 1 && only) return only;
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

function decodeJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    const detail = cause instanceof SyntaxError
      ? "Cannot read the body: it must be JSON"
      : "Cannot read the body: it must be UTF-8";
    throw new Problem("malformed-json", { detail, cause });
  }
}

function violations(
  error: z.ZodError,
  name: (path: readonly PropertyKey[]) => string,
): Violation[] {
  const found: Violation[] = [];
  for (const { path, message, ...issue } of error.issues) {
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) {
        found.push({ field: name([...path, key]), message: "must not be given" });
      }
    } else found.push({ field: name(path), message });
    if (found.length >= MAX_VIOLATIONS) break;
  }
  return found.slice(0, MAX_VIOLATIONS);
}

/** RFC 6901. */
function pointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
