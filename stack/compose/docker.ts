/**
 * The way to a Docker engine: its command line, whose answers are parsed at this edge only.
 *
 * @module
 */
import { z } from "zod";
import { runProgram, type RunProgramOptions } from "../run_program.ts";
import { StackError } from "../stack.ts";
import { findTool, PROJECT_ROOT } from "../tools.ts";

/** Options of {@linkcode docker} and {@linkcode run}. */
export type CommandOptions = Pick<RunProgramOptions, "env" | "signal">;

/** Time to drain (10 s in compose.yaml) and a little more; then a container is killed. */
const STOP_AFTER_S = "12";

const containerSchema = z.object({
  Id: z.string(),
  Name: z.string().transform((name) => name.replace(/^\//, "")),
  RestartCount: z.int(),
  State: z.object({
    Status: z.enum(["created", "running", "paused", "restarting", "removing", "exited", "dead"]),
    /** 0 while there is no process. */
    Pid: z.int(),
    StartedAt: z.iso.datetime(),
  }),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
  NetworkSettings: z.object({
    Networks: z.record(z.string(), z.object({ IPAddress: z.string() })).nullish(),
  }),
});
/** What the engine says of a container. */
export type Container = z.infer<typeof containerSchema>;

/**
 * Runs `docker` and answers what it prints.
 *
 * @throws {StackError} with the last line that it says when it fails
 */
export async function docker(args: readonly string[], options?: CommandOptions): Promise<string> {
  return await run("docker", args, options);
}

/** How this machine spells `docker compose`: the plugin, or the program of version 1. */
export async function composeCommand(): Promise<readonly [string, ...string[]]> {
  for (const command of [["docker", "compose"], ["docker-compose"]] as const) {
    const [program, ...args] = command;
    // deno-lint-ignore no-await-in-loop -- the second is asked only when the first is absent
    if (await run(program, [...args, "version"]).then(() => true, () => false)) return command;
  }
  throw new StackError(
    "Cannot use containers: Docker Compose must be installed, received neither " +
      '"docker compose" nor "docker-compose"',
  );
}

/** Says why there is no engine to use. @throws {StackError} when there is none */
export function requireEngine(): void {
  const tool = findTool("docker");
  if (!tool.present) throw new StackError(`Cannot use containers: ${tool.reason}`);
}

/** Every container that carries a label, running or not. */
export async function containersWith(label: string): Promise<Container[]> {
  const ids = (await docker(["ps", "-aq", "--no-trunc", "--filter", `label=${label}`])).split("\n")
    .filter((id) => id !== "");
  return ids.length === 0 ? [] : await inspect(ids);
}

/**
 * Looks at containers; those that vanished meanwhile are left out.
 *
 * @param ask runs `docker`
 * @throws {StackError} when the engine does not say how they are
 */
export async function inspect(ids: readonly string[], ask = docker): Promise<Container[]> {
  try {
    return z.array(containerSchema).parse(JSON.parse(await ask(["inspect", ...ids])));
  } catch (error) {
    if (!(error instanceof StackError) || !/no such/i.test(error.message)) throw error;
    if (ids.length === 1) return [];
    return (await Promise.all(ids.map((id) => inspect([id], ask)))).flat(); // one of them is gone
  }
}

/** Lets containers drain, then ends them. */
export async function stopContainers(containers: readonly Container[]): Promise<void> {
  if (containers.length === 0) return;
  await docker(["stop", "-t", STOP_AFTER_S, ...containers.map(({ Id }) => Id)]);
}

/** Events of containers with a label until the signal aborts: the id of the container and what happened. */
export async function* containerEvents(
  label: string,
  signal: AbortSignal,
): AsyncGenerator<{ id: string; action: string }> {
  const child = new Deno.Command("docker", {
    args: [
      "events",
      "--filter=type=container",
      "--filter=event=start",
      "--filter=event=die",
      `--filter=label=${label}`,
      "--format={{.ID}} {{.Action}}",
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const end = () => child.kill();
  signal.addEventListener("abort", end, { once: true });
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [id = "", action = ""] = line.split(" ");
      yield { id, action };
    }
  }
  signal.removeEventListener("abort", end);
  await child.status;
}

/** Runs a program; the line on stderr that names an error, or the last, is the reason when it fails. */
export async function run(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { success, stdout, complaints } = await runProgram(program, {
    args,
    cwd: PROJECT_ROOT,
    ...options,
  }).catch((cause) => {
    throw new StackError(`Cannot run ${program}: it must be installed`, { cause });
  });
  if (success) return stdout;
  const said = complaints.find((line) => /^ERROR|error:/i.test(line)) ?? complaints.at(-1);
  throw new StackError(`Cannot run ${program} ${args[0]}: it must succeed, received "${said}"`, {
    exitCode: 1,
  });
}
