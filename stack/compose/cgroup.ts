/**
 * What Linux counts for a container: its processes, its CPU time, and how often its CPU limit stopped
 * it. Reads cgroup v1 and v2.
 *
 * @module
 */

/** The counters of one container since its start. */
export interface CgroupCounters {
  /** Process ids on this machine. */
  pids: number[];
  cpuMs: number;
  /** Periods of 100 ms in which it ran under a CPU limit. */
  periods: number;
  /** Of those, periods in which it used up its share and had to wait. */
  throttledPeriods: number;
  /** Time that its threads waited for the next period, summed. */
  throttledMs: number;
}

/** Options of {@linkcode readCgroup}. */
export interface ReadCgroupOptions {
  /** @default "/proc" */
  proc?: string;
  /** @default "/sys/fs/cgroup" */
  root?: string;
}

/** Reads the counters of the container that a process is in; `undefined` when they cannot be read. */
export function readCgroup(
  pid: number,
  options: ReadCgroupOptions = {},
): CgroupCounters | undefined {
  const { proc = "/proc", root = "/sys/fs/cgroup" } = options;
  try {
    const lines = Deno.readTextFileSync(`${proc}/${pid}/cgroup`).trim().split("\n");
    const path = (controller: string) =>
      lines.map((line) => line.split(":")).find(([, names]) =>
        names?.split(",").includes(controller)
      )
        ?.[2];
    const unified = path("");
    const cpu = path("cpu");
    return cpu === undefined
      ? readUnified(`${root}${unified}`)
      : readLegacy(`${root}/cpu${cpu}`, `${root}/cpuacct${path("cpuacct")}`);
  } catch {
    return undefined; // it has ended, or this user may not look
  }
}

function readUnified(folder: string): CgroupCounters {
  const stat = readFields(`${folder}/cpu.stat`);
  return {
    pids: readPids(folder),
    cpuMs: (stat.get("usage_usec") ?? 0) / 1e3,
    periods: stat.get("nr_periods") ?? 0,
    throttledPeriods: stat.get("nr_throttled") ?? 0,
    throttledMs: (stat.get("throttled_usec") ?? 0) / 1e3,
  };
}

function readLegacy(cpu: string, cpuacct: string): CgroupCounters {
  const stat = readFields(`${cpu}/cpu.stat`);
  return {
    pids: readPids(cpu),
    cpuMs: Number(Deno.readTextFileSync(`${cpuacct}/cpuacct.usage`)) / 1e6,
    periods: stat.get("nr_periods") ?? 0,
    throttledPeriods: stat.get("nr_throttled") ?? 0,
    throttledMs: (stat.get("throttled_time") ?? 0) / 1e6,
  };
}

function readPids(folder: string): number[] {
  return Deno.readTextFileSync(`${folder}/cgroup.procs`).split("\n").filter(Boolean).map(Number);
}

function readFields(path: string): Map<string, number> {
  const lines = Deno.readTextFileSync(path).trim().split("\n");
  return new Map(lines.map((line) => {
    const [name = "", value = ""] = line.split(" ");
    return [name, Number(value)];
  }));
}
