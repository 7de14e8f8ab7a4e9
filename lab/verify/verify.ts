/**
 * Seven checks of a running stack, each of what a reader of its API can see.
 *
 * @module
 */
import type { Stack } from "../../stack/stack.ts";
import { aggregation } from "./aggregation.ts";
import { breaker } from "./breaker.ts";
import { type Check, countOf, type Outcome } from "./check.ts";
import { counter } from "./counter.ts";
import { cpuBlockingWithOne, cpuBlockingWithThree } from "./cpu_blocking.ts";
import { distribution } from "./distribution.ts";
import { routing } from "./routing.ts";

/** In the order in which they run. */
export const CHECKS: readonly Check[] = [
  routing,
  counter,
  cpuBlockingWithThree,
  cpuBlockingWithOne,
  distribution,
  breaker,
  aggregation,
];

/** Options of {@linkcode verify}. */
export interface VerifyOptions {
  /** How long the CPU-bound requests block; 3 s unless a test is in a hurry. @default 3_000 */
  blockMs?: number;
}

/**
 * Runs all checks one after the other. Replicas and policy are changed as a check needs them and put
 * back at the end.
 *
 * @returns whether all passed
 */
export async function verify(
  stack: Stack,
  report: (check: Check, outcome: Outcome) => void,
  { blockMs = 3_000 }: VerifyOptions = {},
): Promise<boolean> {
  const before = await stack.status();
  let passed = true;
  try {
    if (before.policy !== "round-robin") await stack.setFront({ policy: "round-robin" });
    // A second replica of payments would hide what happens to the first.
    if (countOf(before, "payments") !== 1) await stack.scale({ payments: 1 });
    for (const check of CHECKS) {
      // deno-lint-ignore no-await-in-loop -- each needs the system for itself
      const outcome = await runCheck(stack, check, blockMs);
      passed &&= outcome.passed;
      report(check, outcome);
    }
  } finally {
    await stack.scale({
      gateway: countOf(before, "gateway"),
      payments: countOf(before, "payments"),
    });
    await stack.setFront({ policy: before.policy });
  }
  return passed;
}

/** A check that throws has failed; the others are still worth seeing. */
async function runCheck(stack: Stack, check: Check, blockMs: number): Promise<Outcome> {
  try {
    const status = await stack.status();
    if (countOf(status, "gateway") !== check.replicas) {
      await stack.scale({ gateway: check.replicas });
    }
    return await check.run({ stack, url: status.url, blockMs });
  } catch (error) {
    return { passed: false, seen: error instanceof Error ? error.message : String(error) };
  }
}
