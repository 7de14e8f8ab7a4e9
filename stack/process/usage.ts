/**
 * What an instance uses now: memory and CPU of its processes, and the lag of its event loop as it says
 * itself.
 *
 * @module
 */
import { type Clock, systemClock } from "../../kit/clock.ts";
import type { InstanceStatus } from "../stack.ts";
import { type Instance, processesOf } from "./instance.ts";
import { readMemory } from "./proc.ts";

/** Linux counts CPU time in units of 10 ms for `/proc` (USER_HZ). */
const TICK_MS = 10;
/** An instance that is blocked does not say its lag; nobody waits for it. */
const LAG_TIMEOUT_MS = 500;

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

/** Memory of the processes of one instance together; `null` when there are none. */
export function sumMemory(
  pids: readonly number[],
): Pick<InstanceStatus, "rssBytes" | "pssBytes"> {
  const memory = pids.map(readMemory).filter((each) => each !== undefined);
  const sum = (field: "rssBytes" | "pssBytes") =>
    memory.length === 0 ? null : memory.reduce((total, each) => total + each[field], 0);
  return { rssBytes: sum("rssBytes"), pssBytes: sum("pssBytes") };
}

/** Asks an instance for the p99 of its event-loop lag in ms; `null` when it has none or cannot say. */
export async function readLoopLagMs(
  { service, state, address }: Pick<InstanceStatus, "service" | "state" | "address">,
): Promise<number | null> {
  if (state !== "ready" || service === "redis" || service === "front") return null;
  try {
    const signal = AbortSignal.timeout(LAG_TIMEOUT_MS);
    const response = await fetch(`${address}/metrics`, { signal });
    return parseLoopLagMs(await response.text());
  } catch {
    return null; // blocked, frozen or just gone: it cannot say
  }
}

/** Reads the p99 of the event-loop lag from Prometheus text, in ms. */
export function parseLoopLagMs(text: string): number | null {
  const found = /^event_loop_lag_seconds\{[^}]*quantile="0\.99"[^}]*\} (\S+)$/m.exec(text);
  const seconds = Number(found?.[1] ?? NaN);
  return Number.isNaN(seconds) ? null : Math.round(seconds * 1e6) / 1e3;
}
