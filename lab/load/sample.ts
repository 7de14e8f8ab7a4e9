/**
 * One request as the prober saw it, and its columnar form on disk.
 *
 * @module
 */
import { type Generator, RESULTS_VERSION, type SamplesFile } from "../results.ts";

/** Why no complete response came. */
export const FAILURES = [
  "refused",
  "connect-timeout",
  "timeout",
  "reset",
  "closed",
  "truncated",
  "protocol",
  "other",
] as const;
/**
 * `refused`, `connect-timeout` (nothing accepted us in time), `timeout` (no complete response in time), `reset`,
 * `closed` (orderly, before any byte of the response), `truncated` (after some), `protocol` (not HTTP/1.1), `other`.
 */
export type Failure = typeof FAILURES[number];

/** One request. Times are milliseconds from the probe's start. */
export interface Sample {
  /** When it should have been sent. */
  intendedMs: number;
  /** Actual minus intended send time. */
  lateMs: number;
  /** From the *intended* send time to the last byte of the response, or to the failure. */
  latencyMs: number;
  /** Status of the response, 0 when none came. */
  status: number;
  /** Why no complete response came; null when one did (of whatever status). */
  error: Failure | null;
  /** `x-instance-id` of the response. */
  instance: string | null;
  /** Index into the targets of the probe. */
  target: number;
  /** Whether it went over a connection that had carried a request before. */
  reused: boolean;
  /** Resends on a fresh connection after a kept-alive one was closed under the request. */
  retries: number;
  /** Seconds of `Retry-After`. */
  retryAfterS: number | null;
}

/** Whether a complete response came, of whatever status: what has a latency. oha's percentiles are over the same. */
export function isAnswered(sample: Sample): boolean {
  return sample.error === null;
}

/** Whether the client got what it asked for: a complete response of status below 400. */
export function isGood(sample: Sample): boolean {
  return sample.error === null && sample.status >= 200 && sample.status < 400;
}

/** What a samples file says besides its rows. */
export interface SamplesHeader {
  label: string;
  url: string;
  ratePerSecond: number;
  connections: "fresh" | "kept-alive";
  generator: Generator;
  /** URLs of the targets, in the order that samples refer to. */
  targets: readonly string[];
  /** Start of the probe from the start of the trial. @default 0 */
  offsetMs?: number;
}

/** Makes the file's content: three decimals (microseconds), one dictionary a text column. */
export function toColumns(samples: readonly Sample[], header: SamplesHeader): SamplesFile {
  const { label, url, ratePerSecond, connections, generator, targets, offsetMs = 0 } = header;
  const errors = dictionary();
  const instances = dictionary();
  const sorted = samples.toSorted((a, b) => a.intendedMs - b.intendedMs);
  const columns: SamplesFile["columns"] = {
    intendedMs: sorted.map((s) => microseconds(s.intendedMs + offsetMs)),
    lateMs: sorted.map((s) => microseconds(s.lateMs)),
    latencyMs: sorted.map((s) => microseconds(s.latencyMs)),
    status: sorted.map((s) => s.status),
    error: sorted.map((s) => errors.index(s.error)),
    instance: sorted.map((s) => instances.index(s.instance)),
    target: sorted.map((s) => s.target),
    reused: sorted.map((s) => s.reused ? 1 : 0),
    retries: sorted.map((s) => s.retries),
    retryAfterS: sorted.map((s) => s.retryAfterS ?? -1),
  };
  return {
    version: RESULTS_VERSION,
    label,
    url,
    ratePerSecond,
    connections,
    generator,
    dictionaries: { errors: errors.words, instances: instances.words, targets: [...targets] },
    columns,
  };
}

/** Reads the rows of a file back; `intendedMs` then counts from the start of the trial. */
export function fromColumns(file: SamplesFile): Sample[] {
  const { columns: c, dictionaries: d } = file;
  const at = (column: readonly number[], row: number): number => {
    const value = column[row];
    if (value === undefined) {
      throw new RangeError(
        `Cannot read samples of "${file.label}": columns must be of equal length`,
      );
    }
    return value;
  };
  return c.intendedMs.map((intendedMs, row) => ({
    intendedMs,
    lateMs: at(c.lateMs, row),
    latencyMs: at(c.latencyMs, row),
    status: at(c.status, row),
    error: (d.errors[at(c.error, row)] ?? null) as Failure | null,
    instance: d.instances[at(c.instance, row)] ?? null,
    target: at(c.target, row),
    reused: at(c.reused, row) === 1,
    retries: at(c.retries, row),
    retryAfterS: at(c.retryAfterS, row) < 0 ? null : at(c.retryAfterS, row),
  }));
}

function microseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function dictionary(): { words: string[]; index(word: string | null): number } {
  const words: string[] = [];
  const known = new Map<string, number>();
  return {
    words,
    index(word) {
      if (word === null) return -1;
      let index = known.get(word);
      if (index === undefined) {
        index = words.push(word) - 1;
        known.set(word, index);
      }
      return index;
    },
  };
}
