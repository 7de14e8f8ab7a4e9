/**
 * What an installation can count on here: the package managers, and a way to be root.
 *
 * @module
 */
import type { Machine } from "./install.ts";
import { PROJECT_ROOT } from "./tools.ts";

/** Looks at this machine. Needs permission to read and to run. */
export function inspectMachine(): Machine {
  const cargo = ["cargo", `${Deno.env.get("HOME")}/.cargo/bin/cargo`]
    .map((path) => ({ path, version: versionIn(output(path, "--version")) }))
    .find((one): one is { path: string; version: string } => one.version !== undefined);
  return {
    arch: Deno.build.arch,
    asRoot: rootPrefix(),
    apt: output("apt-get", "--version") !== undefined,
    systemd: exists("/run/systemd/system"),
    npm: output("npm", "--version") !== undefined,
    pip: output("python3", "-m", "pip", "--version") !== undefined,
    cargo,
  };
}

function rootPrefix(): string[] | undefined {
  if (Deno.uid() === 0) return [];
  return output("sudo", "--version") === undefined ? undefined : ["sudo"];
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false; // the only question is whether it is there
  }
}

/** What a command prints, or `undefined` when it is absent or fails. */
function output(program: string, ...args: string[]): string | undefined {
  try {
    const { success, stdout } = new Deno.Command(program, { args, cwd: PROJECT_ROOT }).outputSync();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch {
    return undefined; // not installed
  }
}

function versionIn(text: string | undefined): string | undefined {
  return /\d+(?:\.\d+)+/.exec(text ?? "")?.[0];
}
