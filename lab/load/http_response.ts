/**
 * Reads one HTTP/1.1 response from bytes as they come, as little of it as a load generator must know: status,
 * headers, where the body ends (RFC 9112, section 6.3). Bodies are counted, not kept.
 *
 * @module
 */

/** Longest status line and headers, in bytes. */
const MAX_HEAD = 64 * 1024;

type State =
  | { kind: "head"; bytes: Uint8Array }
  | { kind: "length"; left: number }
  | { kind: "chunk-size"; line: string }
  | { kind: "chunk-data"; left: number }
  | { kind: "chunk-end" }
  | { kind: "trailer"; line: string }
  | { kind: "until-close" }
  | { kind: "done" };

/** Incremental reader of one response. */
export class HttpResponseReader {
  /** 0 until the head is complete. */
  status = 0;
  /** Lower-case names; the last of repeated fields wins. */
  readonly headers: Map<string, string> = new Map<string, string>();
  /** Bytes of the body so far, without framing. */
  bodyBytes = 0;
  readonly #toHead: boolean;
  #state: State = { kind: "head", bytes: new Uint8Array(0) };
  #seen = 0;

  /** `toHead`: the response answers a HEAD request and has no body. */
  constructor({ toHead = false }: { toHead?: boolean } = {}) {
    this.#toHead = toHead;
  }

  /** Whether the response is complete. */
  get done(): boolean {
    return this.#state.kind === "done";
  }

  /** Whether any byte came. */
  get started(): boolean {
    return this.#seen > 0;
  }

  /** Whether the connection can carry another request. */
  get keepAlive(): boolean {
    return this.done && this.headers.get("connection")?.toLowerCase() !== "close";
  }

  /**
   * Takes the next bytes.
   *
   * @throws when they are not a response that this reader understands, or go on after its end
   */
  push(bytes: Uint8Array): void {
    this.#seen += bytes.length;
    let at = 0;
    while (at < bytes.length) at = this.#step(bytes, at);
  }

  /**
   * The peer closed its side. Completes a body that only the close delimits.
   *
   * @returns whether the response is complete
   */
  end(): boolean {
    if (this.#state.kind === "until-close") this.#state = { kind: "done" };
    return this.done;
  }

  #step(bytes: Uint8Array, at: number): number {
    const state = this.#state;
    switch (state.kind) {
      case "head": {
        const head = join(state.bytes, bytes.subarray(at));
        const end = indexOfHeadEnd(head);
        if (end < 0) {
          if (head.length > MAX_HEAD) throw broken("a head of at most 64 KiB", `${head.length} B`);
          state.bytes = head;
          return bytes.length;
        }
        const used = end + 4 - state.bytes.length;
        this.#readHead(new TextDecoder("latin1").decode(head.subarray(0, end)));
        return at + used;
      }
      case "length":
      case "chunk-data": {
        const take = Math.min(state.left, bytes.length - at);
        state.left -= take;
        this.bodyBytes += take;
        if (state.left === 0) {
          this.#state = state.kind === "length" ? { kind: "done" } : { kind: "chunk-end" };
        }
        return at + take;
      }
      case "chunk-size": {
        const char = String.fromCharCode(bytes[at] ?? 0);
        if (char !== "\n") {
          if (state.line.length > 64) throw broken("a chunk size", state.line);
          state.line += char;
          return at + 1;
        }
        const size = /^([0-9a-fA-F]{1,12})\s*(?:;.*)?$/s.exec(state.line)?.[1];
        if (size === undefined) throw broken("a chunk size", state.line);
        const left = Number.parseInt(size, 16);
        this.#state = left === 0 ? { kind: "trailer", line: "" } : { kind: "chunk-data", left };
        return at + 1;
      }
      case "chunk-end":
        if (bytes[at] === 10) this.#state = { kind: "chunk-size", line: "" };
        else if (bytes[at] !== 13) throw broken("a line break after a chunk", String(bytes[at]));
        return at + 1;
      case "trailer": {
        const char = String.fromCharCode(bytes[at] ?? 0);
        if (char === "\n" && state.line === "") this.#state = { kind: "done" };
        else if (char === "\n") state.line = "";
        else if (char !== "\r") state.line = "x";
        return at + 1;
      }
      case "until-close":
        this.bodyBytes += bytes.length - at;
        return bytes.length;
      case "done":
        throw broken("nothing after the response", `${bytes.length - at} more bytes`);
    }
  }

  #readHead(text: string): void {
    const [first = "", ...lines] = text.split("\r\n");
    const status = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(first);
    if (!status) throw broken("an HTTP/1.1 status line", first.slice(0, 80));
    this.status = Number(status[2]);
    this.headers.clear();
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon > 0) {
        this.headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
      }
    }
    if (status[1] === "0" && !this.headers.has("connection")) {
      this.headers.set("connection", "close");
    }
    this.#state = this.#bodyState();
  }

  #bodyState(): State {
    // 1xx: another head follows. 101 is never asked for.
    if (this.status < 200) return { kind: "head", bytes: new Uint8Array(0) };
    if (this.#toHead || this.status === 204 || this.status === 304) return { kind: "done" };
    if (this.headers.get("transfer-encoding")?.toLowerCase().endsWith("chunked")) {
      return { kind: "chunk-size", line: "" };
    }
    const length = this.headers.get("content-length");
    if (length === undefined) return { kind: "until-close" };
    if (!/^\d{1,15}$/.test(length)) throw broken("a Content-Length in digits", length);
    return length === "0" ? { kind: "done" } : { kind: "length", left: Number(length) };
  }
}

function broken(must: string, received: string): Error {
  return new Error(`Cannot read the response: it must have ${must}, received "${received}"`);
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b.slice();
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function indexOfHeadEnd(bytes: Uint8Array): number {
  for (let i = 0; i + 3 < bytes.length; i++) {
    if (bytes[i] === 13 && bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) {
      return i;
    }
  }
  return -1;
}
