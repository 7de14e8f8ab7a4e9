/**
 * Replicas that stay dead: killed again and again as the supervisor brings them back.
 *
 * @module
 */
import { pause } from "./pause.ts";
import type { TestStack } from "./stack.ts";

const PAUSE_MS = 20;

/** Kills the instances with these ids until disposed of. */
export function keepDown(stack: TestStack, ids: readonly string[]): AsyncDisposable {
  let over = false;
  async function kill(): Promise<void> {
    while (!over) {
      // deno-lint-ignore no-await-in-loop -- again and again is the point
      const { instances } = await stack.status();
      const up = instances.filter(({ id, pid }) => ids.includes(id) && pid !== null);
      // One that has just died by itself is as good.
      // deno-lint-ignore no-await-in-loop -- as above
      await Promise.allSettled(up.map(({ id }) => stack.kill(id, "SIGKILL")));
      // deno-lint-ignore no-await-in-loop -- as above
      await pause(PAUSE_MS);
    }
  }
  const killing = kill();
  return {
    [Symbol.asyncDispose]: async () => {
      over = true;
      await killing;
    },
  };
}
