/**
 * Replicas that stay dead: killed again and again as the supervisor brings them back.
 *
 * @module
 */
import type { TestStack } from "./stack.ts";

const PAUSE_MS = 20;

/** Kills the instances with these ids until disposed of. */
export function keepDown(stack: TestStack, ids: readonly string[]): AsyncDisposable {
  let over = false;
  async function kill(): Promise<void> {
    const { instances } = await stack.status();
    const up = instances.filter(({ id, pid }) => ids.includes(id) && pid !== null);
    // One that has just died by itself is as good.
    await Promise.allSettled(up.map(({ id }) => stack.kill(id, "SIGKILL")));
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    if (!over) await kill();
  }
  const killing = kill();
  return {
    [Symbol.asyncDispose]: async () => {
      over = true;
      await killing;
    },
  };
}
