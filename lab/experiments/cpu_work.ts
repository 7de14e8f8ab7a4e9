/**
 * CPU work of a fixed size. `ms=5` would be over after 5 ms whatever the loop got done: two processes on one core then
 * "did" 257 works/s of 5 ms where a core can do 200, because time off the processor counted as work.
 *
 * @module
 */
import { busyRounds } from "../../kit/busy_loop.ts";

/** A third of a second here; the best of so many differs by 1 % from run to run, of a tenth as many by 3 %. */
const TRIES = 100;
const ROUNDS_A_TRY = 1_000_000;

/** A piece of work. */
export interface CpuWork {
  rounds: number;
  /** What it takes on an idle core of this machine. */
  workMs: number;
}

// Deliberately kept by the module: a property of the machine, measured once a run so that all trials do the same work.
let roundsPerMs: number | undefined;

/**
 * Work of about `ms` milliseconds on this machine (within 13 %): rounds are of a coarse series (R10 of ISO 3, ten steps a
 * decade), so that runs on one machine do the same work and can be compared.
 */
export function cpuWork(ms: number): CpuWork {
  roundsPerMs ??= calibrate();
  const rounds = renard(ms * roundsPerMs);
  return { rounds, workMs: rounds / roundsPerMs };
}

/** The best of several tries: the others were disturbed, or not compiled yet. */
function calibrate(): number {
  const times = Array.from({ length: TRIES }, () => busyRounds(ROUNDS_A_TRY).durationMs);
  return ROUNDS_A_TRY / Math.min(...times);
}

/** The nearest of ten steps a decade. */
export function renard(value: number): number {
  return Math.round(10 ** (Math.round(10 * Math.log10(value)) / 10));
}
