/**
 * CPU work of a fixed size. `ms=5` would be over after 5 ms whatever the loop got done: two processes on one core then
 * "did" 257 works/s of 5 ms where a core can do 200, because time off the processor counted as work.
 *
 * The size is remembered beside the runs, so that all runs on one machine do the same work and can be compared.
 *
 * @module
 */
import { z } from "zod";
import { busyRounds } from "../kit/busy_loop.ts";

/** A third of a second here; the best of so many differs by 1 % from run to run, of a tenth as many by 3 %. */
const TRIES = 100;
const ROUNDS_A_TRY = 1_000_000;
/** From one size of work to the next: ten steps a decade (R10 of ISO 3). */
const STEP = 10 ** 0.1;

/** A piece of work. */
export interface CpuWork {
  rounds: number;
  /** What it takes on an idle core of this machine, now. */
  workMs: number;
}

/** Options of {@linkcode createCpuWork}. */
export interface CpuWorkOptions {
  /** The file that remembers, such as `bench-results/cpu-speed.json`. */
  path: string;
  /** Names the CPU and the runtime: the speed of another says nothing of this one. */
  machine: string;
  /** Rounds that an idle core does in a millisecond, now. @default the best of many tries */
  measure?: () => number;
}

/** Size of the work that is to take so many milliseconds. */
export type CpuWorkOf = (ms: number) => Promise<CpuWork>;

/** What the file holds. */
const speedsSchema = z.object({
  version: z.literal(1),
  /** By machine. */
  roundsPerMs: z.record(z.string(), z.number().positive()),
});
type Speeds = z.infer<typeof speedsSchema>;

/**
 * Work of about so many milliseconds on this machine. Rounds are of a coarse series, so that also runs that do not share
 * a file mostly do the same work; the speed of the first run is remembered, because two runs of a machine whose speed is
 * near the middle of a step would come to rest on different ones.
 */
export function createCpuWork(options: CpuWorkOptions): CpuWorkOf {
  let speeds: ReturnType<typeof settle> | undefined;
  return async function cpuWork(ms) {
    speeds ??= settle(options);
    const { remembered, now } = await speeds;
    const rounds = renard(ms * remembered);
    return { rounds, workMs: rounds / now };
  };
}

/** A machine that looks slower than this is another one by the same name. */
const MUCH_SLOWER = 2;

/**
 * What is remembered holds while the machine is not faster by a step: neighbours and throttling only ever make it look
 * slower, and one disturbed run must not change the size of the work for all later ones.
 */
async function settle({ path, machine, measure = calibrate }: CpuWorkOptions) {
  const speeds = await readSpeeds(path);
  const before = speeds.roundsPerMs[machine];
  const now = measure();
  if (before !== undefined && now <= STEP * before && before <= MUCH_SLOWER * now) {
    return { remembered: before, now };
  }
  speeds.roundsPerMs[machine] = now;
  await Deno.writeTextFile(`${path}.part`, `${JSON.stringify(speeds, null, 2)}\n`);
  await Deno.rename(`${path}.part`, path);
  return { remembered: now, now };
}

/** Nothing where there is no file, or one that we do not understand. */
async function readSpeeds(path: string): Promise<Speeds> {
  const none: Speeds = { version: 1, roundsPerMs: {} };
  try {
    const { success, data } = speedsSchema.safeParse(JSON.parse(await Deno.readTextFile(path)));
    return success ? data : none;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return none;
    throw error;
  }
}

/** The best of several tries: the others were disturbed, or not compiled yet. */
function calibrate(): number {
  const times = Array.from({ length: TRIES }, () => busyRounds(ROUNDS_A_TRY).durationMs);
  return ROUNDS_A_TRY / Math.min(...times);
}

/** The nearest of ten steps a decade. */
export function renard(value: number): number {
  return Math.round(STEP ** Math.round(Math.log10(value) / Math.log10(STEP)));
}
