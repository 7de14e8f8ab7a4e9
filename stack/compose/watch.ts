/**
 * Follows what happens to the containers of a project: Docker says when one ends and when one starts.
 *
 * @module
 */
import type { Clock } from "../../kit/clock.ts";
import { type Container, containerEvents, docker } from "./docker.ts";
import type { Replicas } from "./replicas.ts";

/** Docker's own restart comes first. */
const REVIVE_AFTER_MS = 500;
/** Pause before the engine is asked again for events when it stopped telling them. */
const SUBSCRIBE_AGAIN_MS = 500;

/** What a watch asks of a Docker engine. */
export interface WatchedEngine {
  events: typeof containerEvents;
  /** Starts a container that has ended. */
  start(id: string): Promise<unknown>;
}

/** What became of the container with an id; `unknown` may be anything, of all of them. */
export type Change = { kind: "ended" | "started"; id: string } | { kind: "unknown" };

/** Options of {@linkcode watchContainers}. */
export interface WatchOptions {
  /** Of the containers to follow. */
  label: string;
  /** Finds them. */
  containers(): Promise<Container[]>;
  replicas: Pick<Replicas, "isLeaving" | "noteEnd">;
  clock: Clock;
  /** Ends the watch. */
  signal: AbortSignal;
  /** Called after every end that nobody asked for, after every start, and when some may have been missed. */
  onChange(change: Change): void;
  /** @default the one that `docker` finds */
  engine?: WatchedEngine;
}

/**
 * Notes ends and revives what ended, until the signal aborts. An engine that goes away (an update of Docker)
 * is asked again when it is back; what happened meanwhile is found by looking.
 */
export async function watchContainers(options: WatchOptions): Promise<void> {
  const { label, replicas, clock, signal, onChange } = options;
  const { engine = { events: containerEvents, start: (id) => docker(["start", id]) } } = options;
  const pause = (ms: number) => clock.sleep(ms, signal).catch(() => {}); // going down

  /** Docker starts again what crashed, but not what `docker kill` ended. */
  async function revive(id: string): Promise<void> {
    await pause(REVIVE_AFTER_MS);
    if (signal.aborted || replicas.isLeaving(id)) return;
    await engine.start(id).catch(() => {}); // removed meanwhile
  }

  function noteEnd(id: string): void {
    replicas.noteEnd(id);
    void revive(id);
  }

  async function follow(): Promise<void> {
    for await (const { id, action } of engine.events(label, signal)) {
      if (signal.aborted || replicas.isLeaving(id)) continue;
      if (action === "die") noteEnd(id);
      onChange({ kind: action === "die" ? "ended" : "started", id });
    }
  }

  /** All may have ended, and started again with another address. */
  async function lookAgain(): Promise<void> {
    await pause(SUBSCRIBE_AGAIN_MS); // by now events come in: none is missed after the look
    if (signal.aborted) return;
    const containers = (await options.containers()).filter(({ Id }) => !replicas.isLeaving(Id));
    for (const { Id, State } of containers) if (State.Status !== "running") noteEnd(Id);
    onChange({ kind: "unknown" });
  }

  for (let n = 1; !signal.aborted; n++) {
    // When the engine is still away, the subscription ends too, and the next turn looks.
    if (n > 1) void lookAgain().catch(() => {});
    // deno-lint-ignore no-await-in-loop -- one subscription after the other
    await follow();
    // deno-lint-ignore no-await-in-loop -- one subscription after the other
    await pause(SUBSCRIBE_AGAIN_MS);
  }
}
