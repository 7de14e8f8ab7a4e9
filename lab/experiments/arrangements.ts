/**
 * Ways to bring a running stack into the state of a cell.
 *
 * @module
 */
import type { FrontChange, ScalableService } from "../../stack/stack.ts";
import type { LabStack } from "../experiment.ts";

/** Swaps the front only when that changes something. */
export async function setFront(stack: LabStack, wanted: Required<FrontChange>): Promise<void> {
  const { front, policy } = await stack.status();
  if (front !== wanted.kind || policy !== wanted.policy) await stack.setFront(wanted);
}

/** Addresses of the replicas of a service, such as `http://127.0.0.1:4321`. */
export async function addressesOf(stack: LabStack, service: ScalableService): Promise<string[]> {
  const { instances } = await stack.status();
  return instances.filter((instance) => instance.service === service)
    .map(({ address }) => address);
}

/** Waits until every instance is ready (a killed one has been started again). */
export async function untilReady(stack: LabStack, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!signal.aborted) {
    // deno-lint-ignore no-await-in-loop -- looking again is the point
    const { instances } = await stack.status();
    if (instances.every(({ state }) => state === "ready")) return;
    if (Date.now() > deadline) throw new Error("Cannot go on: every instance must become ready");
    // deno-lint-ignore no-await-in-loop -- as above
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
