/**
 * Where the body of an answer ends (RFC 9112, section 6).
 *
 * @module
 */

/** Takes a body out of what arrives on a connection, piece by piece. */
export interface BodyReader {
  /** Length that was announced, in bytes. */
  readonly length?: number;
  /** Whether all of it has come. */
  readonly done: boolean;
  /**
   * Takes what belongs to the body and hands it to `emit`, as views of `bytes`.
   *
   * @returns how many bytes it took; all, unless it is done
   * @throws {Error} when it is not well-formed
   */
  push(bytes: Uint8Array, emit: (piece: Uint8Array) => void): number;
  /** Whether a body that comes to its end together with the connection is whole. */
  readonly endsWithConnection: boolean;
}

/** A body of `length` bytes. */
export class SizedBody implements BodyReader {
  readonly endsWithConnection = false;
  readonly length: number;
  #left: number;

  constructor(length: number) {
    this.length = this.#left = length;
  }

  get done(): boolean {
    return this.#left === 0;
  }

  push(bytes: Uint8Array, emit: (piece: Uint8Array) => void): number {
    const count = Math.min(bytes.length, this.#left);
    this.#left -= count;
    if (count > 0) emit(count === bytes.length ? bytes : bytes.subarray(0, count));
    return count;
  }
}

/** A body that lasts as long as its connection. */
export class UnsizedBody implements BodyReader {
  readonly endsWithConnection = true;
  readonly done = false;

  push(bytes: Uint8Array, emit: (piece: Uint8Array) => void): number {
    emit(bytes);
    return bytes.length;
  }
}

const CR = 13;
const LF = 10;
/** Longest line between chunks; extensions and trailers are read over. */
const MAX_LINE = 4_096;
const MAX_TRAILER_LINES = 64;
const SIZE = /^([0-9a-fA-F]{1,8})[\t ]*(?:;[\t\x20-\x7e]*)?$/;

/** A body in chunks (RFC 9112, section 7.1). */
export class ChunkedBody implements BodyReader {
  readonly endsWithConnection = false;
  #expected: "size" | "data" | "end of data" | "trailer" | "nothing" = "size";
  #left = 0;
  #line = "";
  #trailerLines = 0;

  get done(): boolean {
    return this.#expected === "nothing";
  }

  push(bytes: Uint8Array, emit: (piece: Uint8Array) => void): number {
    let at = 0;
    while (at < bytes.length && !this.done) {
      if (this.#expected === "data") {
        const piece = bytes.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        emit(piece);
        if (this.#left === 0) this.#expected = "end of data";
      } else {
        this.#take(bytes[at++] ?? 0);
      }
    }
    return at;
  }

  /** One byte of a line; only CRLF ends it. */
  #take(byte: number): void {
    if (this.#line.endsWith("\r")) {
      if (byte !== LF) throw new Error("Cannot read a chunk: CR must be followed by LF");
      const line = this.#line.slice(0, -1);
      this.#line = "";
      return this.#end(line);
    }
    if (this.#expected === "end of data" && byte !== CR) {
      throw new Error("Cannot read a chunk: it must end where its size says");
    }
    if (this.#line.length === MAX_LINE || (byte < 32 && byte !== CR && byte !== 9)) {
      throw new Error("Cannot read a chunk: its line must be short and printable");
    }
    this.#line += String.fromCharCode(byte);
  }

  #end(line: string): void {
    if (this.#expected === "size") {
      const size = SIZE.exec(line)?.[1];
      if (size === undefined) throw new Error("Cannot read a chunk: its size must be hexadecimal");
      this.#left = parseInt(size, 16);
      this.#expected = this.#left === 0 ? "trailer" : "data";
    } else if (this.#expected === "end of data") {
      this.#expected = "size";
    } else if (line === "") {
      this.#expected = "nothing";
    } else if (++this.#trailerLines > MAX_TRAILER_LINES) {
      throw new Error(`Cannot read trailers: there must be at most ${MAX_TRAILER_LINES} lines`);
    }
  }
}
