/**
 * What balancers print, as the log lines of everybody else: with a time, a level and a message.
 *
 * @module
 */

/** What a line says; `time` is ISO 8601, absent when the line has none. */
export interface ForeignLine {
  time?: string;
  level: "debug" | "info" | "warn" | "error";
  msg: string;
  /** Whatever else it says. */
  [field: string]: unknown;
}

const LEVELS: ReadonlyMap<string, ForeignLine["level"]> = new Map(Object.entries(
  {
    debug: "debug",
    info: "info",
    notice: "info",
    warn: "warn",
    error: "error",
    crit: "error",
    alert: "error",
    emerg: "error",
    panic: "error",
    fatal: "error",
  } as const,
));

/** nginx: `2026/01/31 23:59:59 [error] 12#12: *3 connect() failed`, in local time. */
const NGINX = /^(\d{4})\/(\d\d)\/(\d\d) (\d\d:\d\d:\d\d) \[([a-z]+)\] (.*)$/s;

/** Reads a line of nginx or Caddy; any other is a message of level `info`. */
export function readForeignLine(line: string): ForeignLine {
  const [, year, month, day, clock, level = "", msg = ""] = NGINX.exec(line) ?? [];
  const known = LEVELS.get(level);
  if (known) return { ...timeOf(`${year}-${month}-${day}T${clock}`), level: known, msg };
  return readCaddyLine(line) ?? { level: "info", msg: line };
}

/** Caddy: `{"level":"warn","ts":1769903999.25,"logger":"...","msg":"..."}`, seconds since 1970. */
function readCaddyLine(line: string): ForeignLine | undefined {
  try {
    const { ts, level, msg, ...rest } = JSON.parse(line);
    const known = LEVELS.get(level);
    if (typeof ts !== "number" || typeof msg !== "string" || !known) return undefined;
    return { ...timeOf(ts * 1_000), level: known, msg, ...rest };
  } catch {
    return undefined; // not JSON, or no object
  }
}

function timeOf(value: string | number): { time?: string } {
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? {} : { time: date.toISOString() };
}
