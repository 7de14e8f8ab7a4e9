/**
 * What a container uses now, as `status` shows it.
 *
 * @module
 */
import { type Clock, systemClock } from "../../kit/clock.ts";
import { readLoopLagMs, sumMemory } from "../usage.ts";
import type { InstanceStatus } from "../stack.ts";
import { readCgroup } from "./cgroup.ts";
import type { Container } from "./docker.ts";

/** What the engine knows and the container does not say. */
export type Known = Pick<InstanceStatus, "id" | "service" | "address" | "state" | "restarts">;

/** Remembers the last look at every container, because CPU is a difference. */
export class ContainerMeter {
  readonly #clock: Clock;
  readonly #looks = new Map<string, { atMs: number; pid: number; cpuMs: number }>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** One container as `status` shows it. CPU is `null` at the first look at a process. */
  async look(container: Container, known: Known): Promise<InstanceStatus> {
    const pid = container.State.Pid;
    const counters = pid === 0 ? undefined : readCgroup(pid);
    return {
      ...known,
      pid: pid === 0 ? null : pid,
      ...sumMemory(counters?.pids ?? []),
      cpuPercent: counters ? this.#cpuPercent(container.Id, pid, counters.cpuMs) : null,
      loopLagMs: await readLoopLagMs(known),
    };
  }

  #cpuPercent(id: string, pid: number, cpuMs: number): number | null {
    const atMs = this.#clock.now();
    const last = this.#looks.get(id);
    this.#looks.set(id, { atMs, pid, cpuMs });
    if (last?.pid !== pid || atMs <= last.atMs) return null;
    return Math.round((cpuMs - last.cpuMs) / (atMs - last.atMs) * 1000) / 10;
  }
}
