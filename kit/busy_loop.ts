/**
 * The document's CPU-bound work: a loop that gives nothing back until its time is over.
 *
 * @module
 */

/** What {@linkcode busyLoop} did. */
export interface BusyLoopResult {
  /** How long it held its thread. */
  durationMs: number;
}

/** Computes square roots for `ms` milliseconds. Whoever calls it waits: an event loop serves nobody. */
export function busyLoop(ms: number): BusyLoopResult {
  const start = performance.now();
  while (performance.now() - start < ms) Math.sqrt(Math.random());
  return { durationMs: performance.now() - start };
}
