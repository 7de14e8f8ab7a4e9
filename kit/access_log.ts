/**
 * The access log: one line for each answered request. Never a query string, a header or a body: those
 * hold secrets.
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import type { LineBuffer } from "./log.ts";

/** Logs one answered request. Positional, because it runs for each of them. */
export type AccessLog = (
  method: string,
  path: string,
  route: string,
  status: number,
  durationMs: number,
  requestId: string,
) => void;

/** Options of {@linkcode createAccessLog}. */
export interface AccessLogOptions {
  /** Id of this instance. */
  instance: string;
  buffer: LineBuffer;
  /** @default systemClock */
  clock?: Clock;
}

const MAX_PATH = 256;

/** Makes an {@linkcode AccessLog} that pushes JSON lines to `buffer`. */
export function createAccessLog(options: AccessLogOptions): AccessLog {
  const { instance, buffer, clock = systemClock } = options;
  const middle = `","level":"info","msg":"request","instance":${
    JSON.stringify(instance)
  },"method":`;
  let second = 0;
  let secondText = "";

  /** RFC 3339 with milliseconds; the part up to the second is made once a second. */
  function time(): string {
    const now = Math.floor(clock.wallNow());
    const milliseconds = now % 1000;
    if (now - milliseconds !== second || secondText === "") {
      second = now - milliseconds;
      secondText = new Date(second).toISOString().slice(0, -4);
    }
    return secondText + String(milliseconds).padStart(3, "0") + "Z";
  }

  return function logAccess(method, path, route, status, durationMs, requestId) {
    const shown = path.length > MAX_PATH ? path.slice(0, MAX_PATH) : path;
    buffer.push(
      `{"time":"${time()}${middle}${JSON.stringify(method)},"path":${
        JSON.stringify(shown)
      },"route":${JSON.stringify(route)},"status":${status},"durationMs":${
        Math.round(durationMs * 1000) / 1000
      },"requestId":"${requestId}"}`,
    );
  };
}
