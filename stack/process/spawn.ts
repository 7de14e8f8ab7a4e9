/**
 * Starts a process as leader of a session of its own, with nothing of ours but a log to write to.
 *
 * @module
 */

/** What is to be run. */
export interface SpawnSpec {
  command: string;
  args: readonly string[];
  /** Added to the little that is passed on from our own. */
  env: Readonly<Record<string, string>>;
}

/** What a process sees of our own environment. */
const PASSED_ON = ["PATH", "HOME", "DENO_DIR", "XDG_CACHE_HOME", "TMPDIR", "LANG", "TZ"];
/** As many as a POSIX shell can name. */
const CLOSE_INHERITED = [3, 4, 5, 6, 7, 8, 9].map((descriptor) => `${descriptor}>&-`).join(" ");

/**
 * Starts it. The shell opens the log and becomes the process: same process id, no pipe through us. What
 * we were given ourselves (the lock of a `flock`, a pipe) must not stay open for as long as it lives.
 *
 * The shell waits for {@linkcode release}: when we are killed before we noted the process id, it ends
 * by itself, and nothing runs that nobody knows.
 */
export function spawnSession(spec: SpawnSpec, logPath: string): Deno.ChildProcess {
  const passedOn = PASSED_ON.map((name) => [name, Deno.env.get(name)] as const)
    .filter((pair): pair is readonly [string, string] => pair[1] !== undefined);
  return new Deno.Command("/bin/sh", {
    args: [
      "-c",
      `read -r go || exit; log=$1; shift; exec "$@" </dev/null >>"$log" 2>&1 ${CLOSE_INHERITED}`,
      "sh",
      logPath,
      spec.command,
      ...spec.args,
    ],
    env: { ...Object.fromEntries(passedOn), ...spec.env },
    clearEnv: true,
    detached: true,
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** Lets a process from {@linkcode spawnSession} begin, now that it is noted. */
export async function release(child: Deno.ChildProcess): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode("go\n"));
    await writer.close();
  } catch {
    // killed meanwhile: its status says so
  }
}
