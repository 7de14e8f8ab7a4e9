/**
 * All experiments, in the order of the report.
 *
 * @module
 */
import type { Experiment } from "./experiment.ts";
import { breaker } from "./experiments/breaker.ts";
import { cpuBlock } from "./experiments/cpu_block.ts";
import { failover } from "./experiments/failover.ts";
import { headline } from "./experiments/headline.ts";
import { hop } from "./experiments/hop.ts";
import { policies } from "./experiments/policies.ts";
import { quota } from "./experiments/quota.ts";
import { runtime } from "./experiments/runtime.ts";
import { scaleOut } from "./experiments/scale_out.ts";
import { shedding } from "./experiments/shedding.ts";
import { state } from "./experiments/state.ts";
import { vertical } from "./experiments/vertical.ts";

/** Every experiment of the lab. */
export const EXPERIMENTS: readonly Experiment[] = [
  cpuBlock,
  headline,
  scaleOut,
  quota,
  policies,
  state,
  failover,
  breaker,
  shedding,
  vertical,
  runtime,
  hop,
];
