/**
 * One request on a connection: makes its answer from the bytes that arrive.
 *
 * @module
 */
import type { BodyReader } from "./body.ts";
import { type AnswerHead, parseHead } from "./head.ts";

/** Options of {@linkcode Exchange}. */
export interface ExchangeOptions {
  /** Of the request. */
  method: string;
  /** An answer that says to have at most so many bytes is read whole; others are streamed. */
  maxWholeBytes: number;
  /** Takes the answer, once. */
  resolve: (answer: Response) => void;
  /** Takes the failure, unless there was an answer: then its body fails. */
  reject: (error: unknown) => void;
  /** Told when nobody wants the rest of a streamed body. */
  cancel: () => void;
  /** Told when the header is there, or the body if that is short. */
  onAnswer?: (() => void) | undefined;
  /** Told when the answer has come to its end, well or not. */
  onEnd?: (() => void) | undefined;
}

/** Longest header of an answer. */
const MAX_HEAD_BYTES = 65_536;
const text = new TextDecoder("utf-8", { ignoreBOM: true });
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const NOT_ASCII = /[^\0-\x7f]/;

/** Reads one answer. */
export class Exchange {
  readonly #options: ExchangeOptions;
  /** What has come of a header that is not complete. */
  #begun: Uint8Array | undefined;
  #head: AnswerHead | undefined;
  #body: BodyReader | undefined;
  /** A body that is read whole: all of it, or what has come so far in as much space as all of it takes. */
  #whole: Uint8Array | undefined;
  #filled = 0;
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  #onRoom: (() => void) | undefined;
  #answered = false;
  #done = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** Whether the answer has come to its end, well or not. */
  get done(): boolean {
    return this.#done;
  }

  /** Whether the next request may be sent on the connection. */
  get keepAlive(): boolean {
    return this.#head?.keepAlive ?? false;
  }

  /**
   * Takes what has arrived; what is kept of it is copied.
   *
   * @returns how many bytes belonged to this answer
   * @throws {Error} when it is no HTTP
   */
  push(bytes: Uint8Array): number {
    let used = 0;
    while (!this.#done && used < bytes.length) {
      const rest = used === 0 ? bytes : bytes.subarray(used);
      used += this.#head === undefined ? this.#pushHead(rest) : this.#pushBody(rest);
    }
    return used;
  }

  /** Resolves when more is wanted of the body; `undefined` when it is wanted now. */
  room(): Promise<void> | undefined {
    if (this.#done || !this.#stream || (this.#stream.desiredSize ?? 0) > 0) return undefined;
    return new Promise((resolve) => this.#onRoom = resolve);
  }

  /** The connection has come to its end. */
  end(): void {
    if (this.#body?.endsWithConnection) this.#finish();
    else this.fail(new Error("The connection was closed before the end of the answer"));
  }

  /** There will be no more. */
  fail(error: unknown): void {
    if (this.#done) return;
    this.#stream?.error(error);
    if (!this.#answered) this.#options.reject(error);
    this.#end();
  }

  #pushHead(bytes: Uint8Array): number {
    const before = this.#begun?.length ?? 0;
    const all = this.#begun ? concat(this.#begun, bytes) : bytes;
    const end = endOfHead(all, before);
    if ((end < 0 ? all.length : end) > MAX_HEAD_BYTES) {
      throw new Error(
        `Cannot read an answer: its header must have at most ${MAX_HEAD_BYTES} bytes`,
      );
    }
    if (end < 0) {
      this.#begun = all === bytes ? bytes.slice() : all;
      return bytes.length;
    }
    this.#begun = undefined;
    const head = parseHead(decode(all.subarray(0, end)), this.#options.method);
    if (head.status >= 200) this.#begin(head); // else an interim answer, and another follows
    return end + 4 - before;
  }

  #begin(head: AnswerHead): void {
    this.#head = head;
    this.#body = head.body;
    const length = head.body?.length;
    if (!head.body || length === 0) return this.#finish();
    if (length !== undefined && length <= this.#options.maxWholeBytes) return;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#stream = controller),
      pull: () => {
        this.#onRoom?.();
        this.#onRoom = undefined;
      },
      cancel: () => {
        if (this.#done) return; // only what is queued is thrown away: the connection may be somebody else's by now
        this.#end();
        this.#options.cancel();
      },
    });
    this.#answer(stream);
  }

  #pushBody(bytes: Uint8Array): number {
    const used = this.#body?.push(bytes, (piece) => this.#emit(piece)) ?? 0;
    if (this.#body?.done) this.#finish();
    return used;
  }

  #emit(piece: Uint8Array): void {
    if (this.#stream) return this.#stream.enqueue(piece.slice());
    const length = this.#body?.length ?? 0;
    if (piece.length === length) this.#whole = piece; // usual, and answered before the piece is overwritten
    else (this.#whole ??= new Uint8Array(length)).set(piece, this.#filled);
    this.#filled += piece.length;
  }

  #finish(): void {
    if (this.#stream) this.#stream.close();
    else this.#answer(this.#whole ? toBody(this.#whole, this.#head?.fields) : null);
    this.#end();
  }

  #answer(body: BodyInit | null): void {
    const { status = 0, fields = {} } = this.#head ?? {};
    this.#options.resolve(new Response(body, { status, headers: fields }));
    this.#answered = true;
    this.#options.onAnswer?.();
  }

  #end(): void {
    this.#done = true;
    this.#onRoom?.();
    this.#options.onEnd?.();
  }
}

/** Where the empty line is that ends a header, or -1; looked for in what is new from `from` on. */
function endOfHead(bytes: Uint8Array, from: number): number {
  let cr = bytes.indexOf(13, Math.max(0, from - 3));
  while (cr >= 0) {
    if (bytes[cr + 1] === 10 && bytes[cr + 2] === 13 && bytes[cr + 3] === 10) return cr;
    cr = bytes.indexOf(13, cr + 1);
  }
  return -1;
}

/** Text of bytes, which HTTP means as latin1. */
function decode(bytes: Uint8Array): string {
  const decoded = text.decode(bytes);
  // What `TextDecoder` calls latin1 is windows-1252.
  return NOT_ASCII.test(decoded) ? String.fromCharCode(...bytes) : decoded;
}

/**
 * A body that owns its content: text if it has a type (`Response` would give text one) and is UTF-8, which becomes the
 * same bytes again. Text dies young; the memory of an ArrayBuffer brings full garbage collections about, which with 20 KB
 * an answer cost half as much again as all the rest.
 */
function toBody(bytes: Uint8Array, fields: AnswerHead["fields"] = {}): BodyInit {
  if (fields instanceof Headers ? fields.has("content-type") : fields["content-type"]) {
    try {
      return utf8.decode(bytes);
    } catch {
      // It is something else.
    }
  }
  return bytes.slice();
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
