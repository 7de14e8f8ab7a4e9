/**
 * The logs of a stack: one file an instance, which the instance itself writes to, so that logging costs
 * the supervisor nothing and goes on without it. The supervisor only keeps the files bounded.
 *
 * @module
 */
import { type Clock, systemClock } from "../kit/clock.ts";
import type { LogOptions } from "./stack.ts";
import { readForeignLine } from "./log_lines.ts";

const ROTATE_EVERY_MS = 2_000;
/** How much of the end of a log is searched for the reason of an end. */
const REASON_BYTES = 8_192;

/** Options of {@linkcode LogFiles}. */
export interface LogFilesOptions {
  /** Beyond this a file becomes `ID.log.1` and starts again. @default 16 MiB */
  maxBytes?: number;
  /** How often `follow` looks. @default 100 */
  pollMs?: number;
  /** @default systemClock */
  clock?: Clock;
}

/** The log files of one state directory. */
export class LogFiles {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #pollMs: number;
  readonly #clock: Clock;

  constructor(folder: string, options: LogFilesOptions = {}) {
    const { maxBytes = 16 * 1024 * 1024, pollMs = 100, clock = systemClock } = options;
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    this.#pollMs = pollMs;
    this.#clock = clock;
  }

  /** Where an instance writes. */
  path(id: string): string {
    return `${this.#folder}/${id}.log`;
  }

  /** Writes a line of the supervisor itself, if the disk takes it: what is written about must be done anyway. */
  write(level: "info" | "warn" | "error", msg: string, fields: Record<string, unknown> = {}): void {
    const time = new Date(this.#clock.wallNow()).toISOString();
    const line = JSON.stringify({ time, level, msg, instance: "supervisor", ...fields });
    try {
      Deno.writeTextFileSync(this.path("supervisor"), `${line}\n`, { append: true });
    } catch {
      // Nobody could be told.
    }
  }

  /**
   * Copies every file that grew too long to `ID.log.1` and empties it in place: its writer appends
   * through a descriptor of its own, so it must stay the same file. Lines written between the copy and
   * the cut are lost.
   */
  rotate(): void {
    for (const id of this.ids()) {
      const path = this.path(id);
      if (sizeOf(path) <= this.#maxBytes) continue;
      Deno.copyFileSync(path, `${path}.1`);
      Deno.truncateSync(path);
    }
  }

  /** Calls {@linkcode LogFiles.rotate} again and again until `signal` aborts. */
  async keepBounded(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // deno-lint-ignore no-await-in-loop -- a periodic task
      await this.#clock.sleep(ROTATE_EVERY_MS, signal).catch(() => {}); // aborted: the loop ends
      if (!signal.aborted) this.rotate();
    }
  }

  /** Ids that have a log, sorted. */
  ids(): string[] {
    const names = [...Deno.readDirSync(this.#folder)].map(({ name }) => name);
    return names.filter((name) => name.endsWith(".log")).map((name) => name.slice(0, -4)).sort();
  }

  /** Why an instance ended, as far as its log says so; empty when it says nothing. */
  reasonOfEnd(id: string): string {
    const path = this.path(id);
    const text = new TextDecoder().decode(readFrom(path, Math.max(0, sizeOf(path) - REASON_BYTES)));
    // Of a stack trace the line before the frames says what happened.
    const lines = text.split("\n").filter((line) => line.trim() !== "" && !/^\s+at /.test(line));
    const complaint = lines.findLast((line) =>
      /"level":"error"|^error\b|\bError\b|\[emerg\]/.test(line)
    );
    return messageOf(complaint ?? lines.at(-1) ?? "");
  }

  /** Lines of one instance or of all, merged by time, each a JSON object. */
  async *read(options: LogOptions = {}): AsyncGenerator<string> {
    const { instance, follow = false, signal } = options;
    const tails = new Map<string, Tail>();
    while (!signal?.aborted) {
      for (const id of instance === undefined ? this.ids() : [instance]) {
        if (!tails.has(id)) tails.set(id, new Tail(id, this.path(id)));
      }
      const lines = [...tails.values()].flatMap((tail) => tail.next(!follow));
      // Stable: lines of one file that carry no time of their own stay behind the line before them.
      yield* lines.sort((a, b) => a.time < b.time ? -1 : a.time > b.time ? 1 : 0).map((l) =>
        l.json
      );
      if (!follow) return;
      // deno-lint-ignore no-await-in-loop -- looking again is what following means
      await this.#clock.sleep(this.#pollMs, signal).catch(() => {}); // aborted: the loop ends
    }
  }
}

/** The message of a JSON line with that of its error, any other line as it is. */
function messageOf(line: string): string {
  try {
    const { msg, error } = JSON.parse(line);
    return [msg, error?.message ?? error].filter((part) => typeof part === "string").join(": ");
  } catch {
    return line; // printed by the runtime, a balancer or Redis
  }
}

interface Line {
  time: string;
  json: string;
}

/** Reads on where it stopped. */
class Tail {
  readonly #id: string;
  readonly #path: string;
  readonly #decoder = new TextDecoder();
  #offset = 0;
  #rest = "";
  #time = "";

  constructor(id: string, path: string) {
    this.#id = id;
    this.#path = path;
  }

  /** Complete lines since the last call; with `final` also an unfinished one. */
  next(final: boolean): Line[] {
    if (sizeOf(this.#path) < this.#offset) this.#offset = 0; // it was rotated
    const bytes = readFrom(this.#path, this.#offset);
    this.#offset += bytes.length;
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = final ? "" : lines.pop() ?? "";
    return lines.filter((line) => line.trim() !== "").map((line) => this.#parse(line));
  }

  #parse(line: string): Line {
    try {
      const { time } = JSON.parse(line);
      if (typeof time === "string") this.#time = time;
      else if (typeof time !== "number") return this.#wrap(line);
      return { time: this.#time, json: line };
    } catch {
      return this.#wrap(line); // what a balancer, Redis or a dying runtime prints is not JSON
    }
  }

  #wrap(line: string): Line {
    const read = readForeignLine(line);
    if (read.time !== undefined) this.#time = read.time;
    const wrapped = { time: this.#time || null, ...read, instance: this.#id };
    return { time: this.#time, json: JSON.stringify(wrapped) };
  }
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0; // not written yet
  }
}

function readFrom(path: string, offset: number): Uint8Array {
  const size = sizeOf(path) - offset;
  if (size <= 0) return new Uint8Array();
  using file = Deno.openSync(path);
  file.seekSync(offset, Deno.SeekMode.Start);
  const bytes = new Uint8Array(size);
  let read = 0;
  while (read < size) {
    const n = file.readSync(bytes.subarray(read));
    if (n === null) break;
    read += n;
  }
  return bytes.subarray(0, read);
}
