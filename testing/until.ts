/**
 * Waiting in tests for what other processes do.
 *
 * @module
 */

/**
 * Asks every 20 ms until the answer is not `undefined` or `false`.
 *
 * @throws {Error} after `timeoutMs`, with what was waited for
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 10_000,
): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  while (performance.now() < endMs) {
    // deno-lint-ignore no-await-in-loop -- polls
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    // deno-lint-ignore no-await-in-loop -- polls
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`Cannot wait for ${what}: it must happen within ${timeoutMs} ms`);
}
