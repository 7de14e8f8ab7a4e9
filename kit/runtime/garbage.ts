/**
 * Gives back what loading and parsing left behind.
 *
 * @module
 */

/**
 * One full collection of this thread's heap; a third of a small instance's memory is garbage of its
 * start. Needs `--expose-gc` (see command.ts); without it nothing happens.
 */
export function collectGarbage(): void {
  const { gc } = globalThis as { gc?: (options: Record<string, string>) => void };
  // Only the last resort throws away compiled code that nobody has run again.
  gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
}
