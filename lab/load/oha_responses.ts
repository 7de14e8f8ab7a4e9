/**
 * The responses of an open oha run, one by one, from the database that it writes: when each should have been sent, was
 * sent, and was answered. Its printed summary knows neither its own lateness nor whether latency grew.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { mean, percentile } from "../stats/percentile.ts";

/** One response; times in ms from the start of the run. Requests without a response have none. */
export interface OhaResponse {
  intendedMs: number;
  sentMs: number;
  endedMs: number;
}

/** Reads what `--db-url` wrote, by intended send time. */
export function readOhaResponses(path: string): OhaResponse[] {
  using database = new DatabaseSync(path, { readOnly: true });
  const rows = database.prepare(
    'SELECT coalesce(start_latency_correction, start) AS intended, start AS sent, "end" AS ended ' +
      "FROM oha ORDER BY 1",
  ).all();
  return rows.map(({ intended, sent, ended }) => ({
    intendedMs: 1000 * Number(intended),
    sentMs: 1000 * Number(sent),
    endedMs: 1000 * Number(ended),
  }));
}

/** How late requests were sent, and whether a connection was free all the time: then the lateness is oha's own. */
export function latenessOf(
  responses: readonly OhaResponse[],
  connections: number,
): { lateP99Ms: number; lateMaxMs: number; own: boolean } | null {
  if (responses.length === 0) return null;
  const late = responses.map(({ sentMs, intendedMs }) => Math.max(0, sentMs - intendedMs));
  return {
    lateP99Ms: percentile(late, 0.99),
    lateMaxMs: late.reduce((most, ms) => Math.max(most, ms), 0),
    own: peakInFlight(responses) < connections,
  };
}

/** The most requests that were under way at a time. */
export function peakInFlight(responses: readonly OhaResponse[]): number {
  const sent = Float64Array.from(responses, ({ sentMs }) => sentMs).sort();
  const ended = Float64Array.from(responses, ({ endedMs }) => endedMs).sort();
  let done = 0;
  return sent.reduce((peak, at, i) => {
    while ((ended[done] ?? Infinity) <= at) done++;
    return Math.max(peak, i + 1 - done);
  }, 0);
}

/**
 * How fast latency grows, in ms a ms: the slope of least squares over intended send times, with its standard error. A
 * queue that is offered q and serves C grows by q / C - 1; a service that is slow without a limit does not grow.
 */
export function backlogGrowth(
  responses: readonly OhaResponse[],
): { slope: number; error: number } {
  const n = responses.length;
  if (n < 3) return { slope: 0, error: Infinity };
  const latencies = responses.map(({ endedMs, intendedMs }) => endedMs - intendedMs);
  const x = mean(responses.map(({ intendedMs }) => intendedMs));
  const y = mean(latencies);
  let xx = 0;
  let xy = 0;
  let yy = 0;
  responses.forEach(({ intendedMs }, i) => {
    const [dx, dy] = [intendedMs - x, (latencies[i] ?? y) - y];
    xx += dx * dx;
    xy += dx * dy;
    yy += dy * dy;
  });
  if (xx === 0) return { slope: 0, error: Infinity };
  const slope = xy / xx;
  return { slope, error: Math.sqrt(Math.max(0, yy - slope * xy) / (n - 2) / xx) };
}
