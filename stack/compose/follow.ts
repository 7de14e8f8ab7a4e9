/**
 * What is done when containers end and start again: front and gateway are told, and each container that serves again gets
 * requests again, however long the others take.
 *
 * @module
 */
import type { Replicas } from "./replicas.ts";
import type { Change } from "./watch.ts";

/** Options of {@linkcode followChange}. */
export interface FollowOptions {
  replicas: Pick<Replicas, "forget" | "look" | "untilBack">;
  /** Starts the front again if it ended. */
  revive(): Promise<void>;
  /** Tells front and gateway which replicas there are. */
  announce(): Promise<void>;
  /** Runs a change when those before it are done. */
  change(change: () => Promise<void>): Promise<void>;
  /** Ends all waiting. */
  signal: AbortSignal;
}

/** Does what a change asks for; resolves when the containers that it is about serve again, or will not for now. */
export async function followChange(what: Change, options: FollowOptions): Promise<void> {
  const { replicas, revive, announce, change, signal } = options;
  const returning = what.kind === "started" ? [what.id] : [];
  await change(async () => {
    if (what.kind === "unknown") replicas.forget();
    await revive().catch(retriedLater);
    if (what.kind === "started") return;
    // Most may have gone on serving: one look at all, or the lists would be empty for a moment.
    if (what.kind === "unknown") returning.push(...(await replicas.look()).map(({ Id }) => Id));
    await announce();
  }).catch(retriedLater);
  // Outside the queue of changes: one that crashes again and again keeps neither the others nor the user waiting.
  await Promise.all(returning.map(async (id) => {
    await replicas.untilBack(id, signal);
    // Also for a front: it may have missed what happened while it was away.
    await change(announce);
  }));
}

/** A front that does not come back keeps no replica from coming back: its own start is another change. */
function retriedLater(): void {}
