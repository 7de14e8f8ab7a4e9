/**
 * The date for libraries that read it by themselves.
 *
 * @module
 */
import type { Clock } from "../kit/clock.ts";

/** `Date.now()` is the clock's until this is disposed of. */
export function fakeDate(clock: Pick<Clock, "wallNow">): Disposable {
  const original = Date.now;
  Date.now = () => clock.wallNow();
  return { [Symbol.dispose]: () => void (Date.now = original) };
}
