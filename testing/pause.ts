/**
 * Time that really passes, for tests of whole systems. Unit tests use a fake clock.
 *
 * @module
 */

/** Resolves after `ms` milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
