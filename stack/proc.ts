/**
 * What Linux says about processes in `/proc`: enough to know that a process id is still the process
 * that we started, to find its descendants, and to weigh them.
 *
 * Every instance is started as the leader of its own session, so its descendants are the members of
 * that session, also after the leader is gone.
 *
 * @module
 */

/** One process, from `/proc/PID/stat`. */
export interface ProcessInfo {
  pid: number;
  session: number;
  /** Clock ticks between boot and its start; with the boot id it names a process for good. */
  startTime: number;
  /** User and system time of all its threads, in clock ticks of 10 ms. */
  cpuTicks: number;
}

/** Memory of a process in bytes. */
export interface Memory {
  rssBytes: number;
  /** Proportional: a page shared by n processes counts 1/n. */
  pssBytes: number;
}

/** Changes with every boot: process ids from before mean nothing after. */
export function readBootId(): string {
  return Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
}

/** Looks at one process; `undefined` when there is none, or only a zombie that waits to be reaped. */
export function readProcess(pid: number): ProcessInfo | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  return stat === undefined ? undefined : parseStat(stat);
}

/** Parses the one line of `/proc/PID/stat`. The name in brackets may hold anything, brackets too. */
export function parseStat(stat: string): ProcessInfo | undefined {
  const end = stat.lastIndexOf(")");
  const [state, , , session, ...rest] = stat.slice(end + 2).split(" ");
  if (end < 0 || state === "Z" || state === "X") return undefined;
  // rest[0] is field 7 of proc(5); utime and stime are 14 and 15, starttime is 22.
  return {
    pid: parseInt(stat),
    session: Number(session),
    startTime: Number(rest[15]),
    cpuTicks: Number(rest[7]) + Number(rest[8]),
  };
}

/** All living processes of a session that are not older than its leader. */
export function sessionMembers(leader: { pid: number; startTime: number }): ProcessInfo[] {
  const now = readProcess(leader.pid);
  // The number of a session is not reused while it has members: another leader means it is not ours.
  if (now && now.startTime !== leader.startTime) return [];
  const members: ProcessInfo[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const info = readProcess(Number(name));
    if (info?.session === leader.pid && info.startTime >= leader.startTime) members.push(info);
  }
  return members;
}

/** Memory of one process; `undefined` when it is gone or not ours to look at. */
export function readMemory(pid: number): Memory | undefined {
  const text = readText(`/proc/${pid}/smaps_rollup`);
  const bytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text ?? "")?.[1] ?? NaN) * 1024;
  const memory = { rssBytes: bytes("Rss"), pssBytes: bytes("Pss") };
  return Number.isNaN(memory.pssBytes) ? undefined : memory;
}

/** Sends a signal; `false` when there is no such process (or group, when `pid` is negative). */
export function sendSignal(pid: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof TypeError) return false;
    throw error;
  }
}

/** Kills all that is left of a session and waits until it is gone. */
export async function killSession(leader: { pid: number; startTime: number }): Promise<number> {
  let killed = 0;
  for (let round = 0; round < 200; round++) {
    const members = sessionMembers(leader);
    if (members.length === 0) break;
    if (round === 0) killed = members.length;
    for (const { pid } of members) sendSignal(pid, "SIGKILL");
    // deno-lint-ignore no-await-in-loop -- a killed process needs a moment to be gone
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return killed;
}

function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined; // the process ended while we looked, or belongs to somebody else
  }
}
