/**
 * A sign of life in shared memory. The event loop writes it, a thread of its own reads it: the only way
 * to tell that a loop is blocked while it is blocked.
 *
 * @module
 */
import type { LifecycleState } from "./lifecycle.ts";

/** What a reader can see: a state of the lifecycle, or that the loop stands still. */
export type Vitality = LifecycleState["kind"] | "blocked";

const STATES = ["starting", "ready", "draining", "closed"] as const satisfies Vitality[];
const TIME = 0;
const STATE = 1;

/** A beat older than this means that the loop is blocked. Above the pauses of a busy but healthy one. */
export const BLOCKED_AFTER_MS = 400;

/** Makes the shared memory of one heartbeat. */
export function createHeartbeatBuffer(): SharedArrayBuffer {
  return new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
}

/** Writes a beat. `wallNowMs` must come from the same clock as the reader's. */
export function beat(
  buffer: SharedArrayBuffer,
  state: LifecycleState["kind"],
  wallNowMs: number,
): void {
  const cells = new Int32Array(buffer);
  Atomics.store(cells, STATE, STATES.indexOf(state));
  Atomics.store(cells, TIME, wallNowMs | 0);
}

/**
 * Reads how a loop is. Time is kept modulo 2^32 ms; a wall clock that is set back makes a block go
 * unnoticed for as long as it was set back, one that is set forward reports a block until the next beat.
 */
export function readHeartbeat(buffer: SharedArrayBuffer, wallNowMs: number): Vitality {
  const cells = new Int32Array(buffer);
  const state = STATES[Atomics.load(cells, STATE)] ?? "starting";
  const ageMs = (wallNowMs | 0) - Atomics.load(cells, TIME) | 0;
  return state === "ready" && ageMs > BLOCKED_AFTER_MS ? "blocked" : state;
}
