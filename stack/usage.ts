/**
 * What can be known of any instance, whatever it runs on: the memory of its processes, and the lag of its event loop as it
 * says itself.
 *
 * @module
 */
import { readMemory } from "./proc.ts";
import type { InstanceStatus } from "./stack.ts";

/** An instance that is blocked does not say its lag; nobody waits for it. */
const LAG_TIMEOUT_MS = 500;

/** Memory of the processes of one instance together; `null` when there are none. */
export function sumMemory(
  pids: readonly number[],
): Pick<InstanceStatus, "rssBytes" | "pssBytes"> {
  const memory = pids.map(readMemory).filter((each) => each !== undefined);
  const sum = (field: "rssBytes" | "pssBytes") =>
    memory.length === 0 ? null : memory.reduce((total, each) => total + each[field], 0);
  return { rssBytes: sum("rssBytes"), pssBytes: sum("pssBytes") };
}

/** Asks an instance for the p99 of its event-loop lag in ms; `null` when it has none or cannot say. */
export async function readLoopLagMs(
  { service, state, address }: Pick<InstanceStatus, "service" | "state" | "address">,
): Promise<number | null> {
  if (state !== "ready" || service === "redis" || service === "front") return null;
  try {
    const signal = AbortSignal.timeout(LAG_TIMEOUT_MS);
    const response = await fetch(`${address}/metrics`, { signal });
    return parseLoopLagMs(await response.text());
  } catch {
    return null; // blocked, frozen or just gone: it cannot say
  }
}

/** Reads the p99 of the event-loop lag from Prometheus text, in ms. */
export function parseLoopLagMs(text: string): number | null {
  const found = /^event_loop_lag_seconds\{[^}]*quantile="0\.99"[^}]*\} (\S+)$/m.exec(text);
  const seconds = Number(found?.[1] ?? NaN);
  return Number.isNaN(seconds) ? null : Math.round(seconds * 1e6) / 1e3;
}
