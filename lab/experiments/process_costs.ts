/**
 * CPU time of the processes of a stack around a load: what a request costs each of them.
 *
 * @module
 */
import type { LabStack, TrialContext } from "../experiment.ts";
import { treeCpuUs } from "../environment.ts";
import type { OhaResult } from "../load/oha.ts";

/** CPU time by service since the call, in microseconds; null where the platform does not say. */
export type CpuMeter = () => Promise<Map<string, number> | null>;

/** Starts to meter the processes of a stack, each with its children. */
export async function meterCpu(stack: LabStack): Promise<CpuMeter> {
  const before = await read(stack);
  return async () => {
    const after = await read(stack);
    if (!before || !after) return null;
    return new Map([...after].map(([service, us]) => [service, us - (before.get(service) ?? 0)]));
  };
}

/**
 * What to divide CPU time by: good answers. Failures are cheap (a refusal) or dear (a timeout), so a trial that had any
 * measured something else, and says so.
 */
export function goodAnswers(
  trial: Pick<TrialContext, "warn">,
  { good, requests }: Pick<OhaResult, "good" | "requests">,
): number {
  if (good < requests) {
    trial.warn("failures", `${requests - good} of ${requests} requests failed`, "invalid");
  }
  return Math.max(1, good);
}

async function read(stack: LabStack): Promise<Map<string, number> | null> {
  const { instances } = await stack.status();
  const sums = new Map<string, number>();
  for (const { service, pid } of instances) {
    const us = pid === null ? null : treeCpuUs(pid);
    if (us === null) return null;
    sums.set(service, (sums.get(service) ?? 0) + us);
  }
  return sums;
}
