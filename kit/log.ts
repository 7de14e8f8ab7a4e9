/**
 * Logs: one JSON object a line, `{"time","level","msg","instance",...}`.
 *
 * What an operator waits for (start, warnings, errors) is written at once. What only piles up (the
 * access log) goes through {@linkcode LineBuffer.push}: off the hot path, in bounded memory.
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";

/** Levels, quietest last. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
/** One of {@linkcode LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What code logs to. Fields must not hold secrets; an `Error` among them is written with its causes. */
export interface Logger {
  debug(msg: string, fields?: Record<string, unknown>): void;
  info(msg: string, fields?: Record<string, unknown>): void;
  warn(msg: string, fields?: Record<string, unknown>): void;
  error(msg: string, fields?: Record<string, unknown>): void;
}

/** Where text goes in the end. */
export interface LogOutput {
  write(text: string): void;
  /** Bytes that were written here and have not left the process yet. */
  readonly pendingBytes: number;
  /** Resolves when nothing is pending. */
  drained(): Promise<void>;
}

/** Options of {@linkcode LineBuffer}. */
export interface LineBufferOptions {
  output: LogOutput;
  /** @default systemClock */
  clock?: Clock;
  /** Longest time that a pushed line waits. @default 100 */
  flushAfterMs?: number;
  /** Characters that make it flush before that. @default 32768 */
  flushAtLength?: number;
  /** Beyond this many bytes that the reader has not taken, pushed lines are dropped and counted. @default 4194304 */
  maxPendingBytes?: number;
}

/** Longest time that {@linkcode LineBuffer.close} waits for a reader. */
const CLOSE_TIMEOUT_MS = 500;

/** Collects lines and writes many at a time. */
export class LineBuffer {
  readonly #output: LogOutput;
  readonly #clock: Clock;
  readonly #flushAfterMs: number;
  readonly #flushAtLength: number;
  readonly #maxPendingBytes: number;
  #text = "";
  #scheduled = false;
  #dropped = 0;

  constructor(options: LineBufferOptions) {
    const {
      output,
      clock = systemClock,
      flushAfterMs = 100,
      flushAtLength = 32_768,
      maxPendingBytes = 4_194_304,
    } = options;
    this.#output = output;
    this.#clock = clock;
    this.#flushAfterMs = flushAfterMs;
    this.#flushAtLength = flushAtLength;
    this.#maxPendingBytes = maxPendingBytes;
  }

  /** Lines given up because nobody read them. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Adds a line (without its newline) to be written soon. */
  push(line: string): void {
    this.#text += line + "\n";
    if (this.#text.length >= this.#flushAtLength) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      this.#clock.sleep(this.#flushAfterMs).then(() => {
        this.#scheduled = false;
        this.flush();
      });
    }
  }

  /** Writes a line now, after those that were pushed before it. */
  write(line: string): void {
    this.flush();
    this.#output.write(line + "\n");
  }

  /** Writes what has been pushed, and waits a moment for somebody to read it; for the end of a process. */
  async close(): Promise<void> {
    this.flush();
    const late = new AbortController();
    const tooLate = this.#clock.sleep(CLOSE_TIMEOUT_MS, late.signal).catch(() => {/* in time */});
    await Promise.race([this.#output.drained(), tooLate]);
    late.abort();
  }

  /** Writes what has been pushed. */
  flush(): void {
    const text = this.#text;
    if (text === "") return;
    this.#text = "";
    if (this.#output.pendingBytes <= this.#maxPendingBytes) this.#output.write(text);
    else this.#dropped += text.split("\n").length - 1;
  }
}

/** Options of {@linkcode createLogger}. */
export interface LoggerOptions {
  /** Id of this instance; on every line. */
  instance: string;
  /** Lowest level that is written. @default "info" */
  level?: LogLevel;
  buffer: LineBuffer;
  /** @default systemClock */
  clock?: Clock;
}

/** Makes a {@linkcode Logger} that writes JSON lines. */
export function createLogger(options: LoggerOptions): Logger {
  const { instance, level = "info", clock = systemClock, buffer } = options;
  const lowest = LOG_LEVELS.indexOf(level);
  function log(level: LogLevel, msg: string, fields?: Record<string, unknown>): void {
    if (LOG_LEVELS.indexOf(level) < lowest) return;
    const time = new Date(clock.wallNow()).toISOString();
    buffer.write(stringify({ time, level, msg, instance, ...fields }));
  }
  return {
    debug: (msg, fields) => log("debug", msg, fields),
    info: (msg, fields) => log("info", msg, fields),
    warn: (msg, fields) => log("warn", msg, fields),
    error: (msg, fields) => log("error", msg, fields),
  };
}

/** JSON of anything: a log line must never be the thing that fails. */
function stringify(entry: Record<string, unknown>): string {
  // The holder, because `value` has been through toJSON, which a Problem has for clients.
  function replace(this: Record<string, unknown>, key: string, value: unknown): unknown {
    const original = this[key];
    if (original instanceof Error) return describeError(original);
    return typeof value === "bigint" ? value.toString() : value;
  }
  try {
    return JSON.stringify(entry, replace);
  } catch (error) {
    const { time, level, msg, instance } = entry;
    return JSON.stringify({ time, level, msg, instance, unloggable: String(error) });
  }
}

/** Name, message, stack and chain of causes; nothing else of an error, for it may carry secrets. */
function describeError(error: Error, depth = 0): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  return {
    name,
    message,
    stack,
    ...("code" in error ? { code: String(error.code) } : {}),
    ...(cause instanceof Error && depth < 4
      ? { cause: describeError(cause, depth + 1) }
      : cause === undefined
      ? {}
      : { cause: String(cause) }),
  };
}
