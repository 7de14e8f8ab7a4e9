/**
 * Where a run takes place, and what the machine did meanwhile.
 *
 * @module
 */
import { findTool, PROJECT_ROOT, TOOLS } from "../stack/tools.ts";
import type { Environment } from "./results.ts";

/** Captures the environment. What the platform does not say is null. */
export async function captureEnvironment(): Promise<Environment> {
  const cpu = readText("/proc/cpuinfo");
  const tools: Environment["tools"] = { deno: Deno.version.deno };
  for (const name of TOOLS) {
    if (name === "chromium") continue; // draws reports in tests, takes no part in a run
    const tool = findTool(name);
    tools[name] = tool.present ? tool.version : null;
  }
  return {
    host: {
      os: Deno.build.os,
      kernel: Deno.osRelease(),
      arch: Deno.build.arch,
      cpuModel: /^model name\s*:\s*(.+)$/m.exec(cpu ?? "")?.[1] ?? null,
      cores: navigator.hardwareConcurrency,
      memoryBytes: Deno.systemMemoryInfo().total,
      cgroupCpuMax: readText("/sys/fs/cgroup/cpu.max")?.trim() ?? null,
      virtualization: /^flags\s*:.*\bhypervisor\b/m.test(cpu ?? "") ? "virtual machine" : null,
    },
    tools,
    ...await checkout(),
    loadAverage: Deno.loadavg(),
  };
}

/** A name for a run: when, and of which commit. */
export function runId(startedAt: Date, commit: string | null): string {
  const time = startedAt.toISOString().slice(0, 19).replaceAll(":", "-") + "Z";
  return commit === null ? time : `${time}-${commit.slice(0, 7)}`;
}

/** Follows the whole machine for a while. */
export function watchMachine(): { stop(): { loadAverage1: number; stealShare: number | null } } {
  const before = cpuTimes();
  return {
    stop: () => {
      const after = cpuTimes();
      const total = (after?.total ?? 0) - (before?.total ?? 0);
      const stolen = (after?.stolen ?? 0) - (before?.stolen ?? 0);
      return {
        loadAverage1: Deno.loadavg()[0] ?? 0,
        stealShare: before && after && total > 0 ? stolen / total : null,
      };
    },
  };
}

/** CPU time of a process and all its threads in microseconds (Linux; else null). Resolution 10 ms. */
export function processCpuUs(pid: number): number | null {
  const fields = readText(`/proc/${pid}/stat`)?.split(") ")[1]?.split(" ");
  return fields ? (Number(fields[11]) + Number(fields[12])) * 10_000 : null;
}

/** CPU time of a process and everything that it started. */
export function treeCpuUs(pid: number): number | null {
  const own = processCpuUs(pid);
  if (own === null) return null;
  const children = readText(`/proc/${pid}/task/${pid}/children`)?.trim().split(/\s+/) ?? [];
  return children.filter((child) => child !== "")
    .reduce((sum, child) => sum + (treeCpuUs(Number(child)) ?? 0), own);
}

function cpuTimes(): { total: number; stolen: number } | null {
  const line = readText("/proc/stat")?.split("\n")[0];
  if (!line) return null;
  // user nice system idle iowait irq softirq steal; guest times are in user and nice already.
  const times = line.trim().split(/\s+/).slice(1, 9).map(Number);
  return { total: times.reduce((sum, time) => sum + time, 0), stolen: times[7] ?? 0 };
}

async function checkout(): Promise<{ commit: string | null; dirty: boolean }> {
  const git = async (...args: string[]) => {
    try {
      const { success, stdout } = await new Deno.Command("git", {
        args: ["-C", PROJECT_ROOT, ...args],
        stderr: "null",
      }).output();
      return success ? new TextDecoder().decode(stdout).trim() : null;
    } catch {
      return null; // no git here: the commit is not known
    }
  };
  const commit = await git("rev-parse", "HEAD");
  return { commit, dirty: commit !== null && await git("status", "--porcelain") !== "" };
}

function readText(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null; // not on this platform
  }
}
