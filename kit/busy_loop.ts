/**
 * The document's CPU-bound work: a loop that gives nothing back until its time is over, or until so many rounds are done.
 *
 * Time is what blocks others, and all that a demonstration of blocking needs. It is no measure of work: a loop that the
 * kernel takes off the processor for a while (a neighbour, a CPU quota) ends on time with less done. Rounds are. CPU time
 * is between the two: what the kernel grants and a quota limits, whatever a core gets done in it.
 *
 * @module
 */
import process from "node:process";

/** Looking at the clock costs 2 us; this many rounds take ten times that. */
const ROUNDS_A_LOOK = 5_000;

/** What can be asked of {@linkcode busyWork}. */
export interface BusyWork {
  /** Milliseconds to hold the thread; with `rounds` only what they are expected to take. */
  ms: number;
  /** Work instead of time. */
  rounds?: number | undefined;
}

/** What {@linkcode busyWork} did. */
export interface BusyLoopResult {
  /** How long it held its thread. */
  durationMs: number;
}

/** Computes square roots, for a time or so many. Whoever calls it waits: an event loop serves nobody. */
export function busyWork({ ms, rounds }: BusyWork): BusyLoopResult {
  return rounds === undefined ? busyLoop(ms) : busyRounds(rounds);
}

/** Computes square roots for `ms` milliseconds. */
export function busyLoop(ms: number): BusyLoopResult {
  const start = performance.now();
  while (performance.now() - start < ms) Math.sqrt(Math.random());
  return { durationMs: performance.now() - start };
}

/** Computes so many square roots, however long that takes. */
export function busyRounds(rounds: number): BusyLoopResult {
  const start = performance.now();
  let sum = 0;
  for (let i = 0; i < rounds; i++) sum += Math.sqrt(Math.random());
  // Never so: a sum that is used keeps the compiler from dropping the loop.
  if (sum < 0) throw new RangeError(`Cannot add up square roots: received "${sum}"`);
  return { durationMs: performance.now() - start };
}

/**
 * Computes square roots until this process has used `cpuMs` milliseconds of CPU time: all its threads together, as a quota
 * counts, so it is this thread's only where the others are idle.
 */
export function busyCpu(cpuMs: number): BusyLoopResult {
  const start = performance.now();
  const before = process.cpuUsage();
  let usedMs = 0;
  while (usedMs < cpuMs) {
    busyRounds(ROUNDS_A_LOOK);
    const { user, system } = process.cpuUsage(before);
    usedMs = (user + system) / 1e3;
  }
  return { durationMs: performance.now() - start };
}
