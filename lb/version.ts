/**
 * Whether a program's version has what is wanted of it.
 *
 * @module
 */

/** Whether dotted version `have` is `wanted` or newer; what is not a number counts as 0. */
export function isAtLeast(have: string, wanted: string): boolean {
  const parts = (version: string) => version.split(".").map((part) => Number.parseInt(part) || 0);
  const [left, right] = [parts(have), parts(wanted)];
  for (let i = 0; i < right.length; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
