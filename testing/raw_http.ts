/**
 * Bytes on a socket, for requests that no client library would send.
 *
 * @module
 */

/** What came back on the connection. */
export interface RawAnswer {
  /** 0 when the peer closed without a word, or answered what is not HTTP. */
  status: number;
  /** Names in lower case; the last of equal names. */
  headers: Record<string, string>;
  /** Everything after the header, chunk sizes and all. */
  body: string;
  /** All of it. */
  text: string;
  /** Whether the peer ended the connection before time was up. */
  closed: boolean;
}

/** Options of {@linkcode sendRaw}. */
export interface SendRawOptions {
  /** Stop listening after this time. @default 5000 */
  timeoutMs?: number;
}

/** Sends bytes (a string is one byte a character), and reads until the peer closes or time is up. */
export async function sendRaw(
  port: number,
  request: string | Uint8Array,
  options: SendRawOptions = {},
): Promise<RawAnswer> {
  const { timeoutMs = 5_000 } = options;
  const bytes = typeof request === "string" ? latin1(request) : request;
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const parts: string[] = [];
  const decoder = new TextDecoder("latin1");
  const timeout = Promise.withResolvers<"late">();
  const timer = setTimeout(() => timeout.resolve("late"), timeoutMs);
  const writing = writeAll(connection, bytes).catch(() => {}); // it may answer and close before the end
  let closed = true;
  try {
    const buffer = new Uint8Array(65_536);
    for (;;) {
      const read = connection.read(buffer).catch(() => null); // a reset is the end as well
      // deno-lint-ignore no-await-in-loop -- one piece after the other
      const count = await Promise.race([read, timeout.promise]);
      if (count === "late") closed = false;
      if (typeof count !== "number") break;
      parts.push(decoder.decode(buffer.subarray(0, count)));
    }
  } finally {
    clearTimeout(timer);
  }
  void writing;
  return { ...parse(parts.join("")), closed };
}

/** A request with `Connection: close`; `head` are further header lines. */
export function rawRequest(method: string, target: string, head: string[] = [], body = ""): string {
  const lines = [`${method} ${target} HTTP/1.1`, "Host: localhost", "Connection: close", ...head];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) {
    // deno-lint-ignore no-await-in-loop -- one piece after the other
    sent += await connection.write(bytes.subarray(sent));
  }
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
}

function parse(text: string): Omit<RawAnswer, "closed"> {
  const end = text.indexOf("\r\n\r\n");
  const [first = "", ...lines] = text.slice(0, Math.max(0, end)).split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0);
  const headers = Object.fromEntries(lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  }));
  return { status, headers, body: end < 0 ? "" : text.slice(end + 4), text };
}
