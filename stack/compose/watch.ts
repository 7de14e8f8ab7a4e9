/**
 * Follows what happens to the containers of a project: Docker says when one ends and when one starts.
 *
 * @module
 */
import type { Clock } from "../../kit/clock.ts";
import { containerEvents, docker } from "./docker.ts";
import type { Project } from "./project.ts";
import type { Replicas } from "./replicas.ts";

/** Docker's own restart comes first. */
const REVIVE_AFTER_MS = 500;

/** Options of {@linkcode watchContainers}. */
export interface WatchOptions {
  project: Project;
  replicas: Replicas;
  clock: Clock;
  /** Ends the watch. */
  signal: AbortSignal;
  /** Called after every end that nobody asked for, and after every start. */
  onChange(change: "ended" | "started"): void;
}

/** Notes ends and revives what ended, until the signal aborts. */
export async function watchContainers(options: WatchOptions): Promise<void> {
  const { project, replicas, clock, signal, onChange } = options;

  /** Docker starts again what crashed, but not what `docker kill` ended. */
  async function revive(id: string): Promise<void> {
    await clock.sleep(REVIVE_AFTER_MS, signal).catch(() => {}); // going down
    if (signal.aborted || replicas.isLeaving(id)) return;
    await docker(["start", id]).catch(() => {}); // removed meanwhile
  }

  for await (const { id, action } of containerEvents(project.label, signal)) {
    if (signal.aborted || replicas.isLeaving(id)) continue;
    if (action === "die") {
      replicas.noteEnd(id);
      void revive(id);
    }
    onChange(action === "die" ? "ended" : "started");
  }
}
