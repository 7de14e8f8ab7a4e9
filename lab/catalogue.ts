/**
 * All experiments, in the order of the report.
 *
 * @module
 */
import type { Experiment } from "./experiment.ts";
import { cpuBlock } from "./experiments/cpu_block.ts";

/** Every experiment of the lab. */
export const EXPERIMENTS: readonly Experiment[] = [cpuBlock];
