/**
 * All experiments, in the order of the report.
 *
 * @module
 */
import type { Experiment } from "./experiment.ts";
import { breaker } from "./experiments/breaker.ts";
import { cpuBlock } from "./experiments/cpu_block.ts";
import { failover } from "./experiments/failover.ts";
import { policies } from "./experiments/policies.ts";
import { scaleOut } from "./experiments/scale_out.ts";
import { state } from "./experiments/state.ts";

/** Every experiment of the lab. */
export const EXPERIMENTS: readonly Experiment[] = [
  cpuBlock,
  scaleOut,
  policies,
  state,
  failover,
  breaker,
];
