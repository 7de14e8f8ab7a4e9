/**
 * Little's law as a guard: a closed loop that breaks it did not do what it says.
 *
 * @module
 */
import { closedLoopGap } from "../stats/queueing.ts";
import type { OhaOptions, OhaResult } from "./oha.ts";

/**
 * How far a closed loop may be from Little's law. It keeps it within 2 % even at 40,000/s (measured); 5 % is the least
 * difference that the lab calls one.
 */
const LITTLE_TOLERANCE = 0.05;
/**
 * What is wrong with a closed loop by Little's law, clients = rate x latency; null when nothing is. Requests without an
 * answer have no latency, so a run with any says nothing.
 */
export function brokenLaw(
  { requests, errors, meanLatencyMs, totalSeconds }: Pick<
    OhaResult,
    "requests" | "errors" | "meanLatencyMs" | "totalSeconds"
  >,
  { mode, connections: clients, durationSeconds }: Pick<
    OhaOptions,
    "mode" | "connections" | "durationSeconds"
  >,
): string | null {
  if (mode !== "closed" || clients === undefined) return null;
  if (meanLatencyMs === null || Object.keys(errors).length > 0) return null;
  const gap = closedLoopGap({ clients, requests, meanLatencyMs, durationSeconds, totalSeconds });
  if (Math.abs(gap) <= LITTLE_TOLERANCE) return null;
  const share = `${(100 * Math.abs(gap)).toFixed(1)} % ${gap < 0 ? "fewer" : "more"}`;
  return `rate x latency is ${share} than its ${clients} clients (Little's law): ` +
    (gap < 0 ? "the generator made them wait" : "its latencies count more than the answers took");
}
