/**
 * What an instance uses now, as `status` shows it: memory and CPU of its processes, and the lag of its event loop.
 *
 * @module
 */
import { type Clock, systemClock } from "../../kit/clock.ts";
import type { InstanceStatus } from "../stack.ts";
import { readLoopLagMs, sumMemory } from "../usage.ts";
import { type Instance, processesOf } from "./instance.ts";

/** Linux counts CPU time in units of 10 ms for `/proc` (USER_HZ). */
const TICK_MS = 10;

interface Look {
  atMs: number;
  cpuTicks: Map<number, number>;
}

/** Remembers the last look at every instance, because CPU is a difference. */
export class UsageMeter {
  readonly #clock: Clock;
  readonly #looks = new Map<string, Look>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** One instance as `status` shows it. CPU is `null` at the first look at a process. */
  async look(instance: Instance): Promise<InstanceStatus> {
    const { spec: { id, service, address }, state, restarts } = instance;
    const known = { id, service, address, state, restarts };
    const loopLagMs = await readLoopLagMs(known);
    const processes = processesOf(instance);
    const cpuTicks = new Map(processes.map((each) => [each.pid, each.cpuTicks]));
    return {
      ...known,
      pid: instance.process?.pid ?? null,
      ...sumMemory(processes.map(({ pid }) => pid)),
      cpuPercent: this.#cpuPercent(instance, cpuTicks),
      loopLagMs,
    };
  }

  #cpuPercent(instance: Instance, cpuTicks: Map<number, number>): number | null {
    const now = { atMs: this.#clock.now(), cpuTicks };
    const last = this.#looks.get(instance.spec.id);
    this.#looks.set(instance.spec.id, now);
    const leader = instance.process?.pid;
    if (!last || leader === undefined || !last.cpuTicks.has(leader)) return null;
    let ticks = 0;
    for (const [pid, count] of cpuTicks) ticks += count - (last.cpuTicks.get(pid) ?? 0);
    const elapsedMs = now.atMs - last.atMs;
    return elapsedMs > 0 ? Math.round(ticks * TICK_MS / elapsedMs * 1000) / 10 : null;
  }
}
