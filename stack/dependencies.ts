/**
 * The npm packages of this project: instances start with what is there and fetch nothing, so they must
 * be installed before the first `up` of a fresh clone.
 *
 * @module
 */
import { runProgram } from "./run_program.ts";
import { StackError } from "./stack.ts";
import { PROJECT_ROOT } from "./tools.ts";

/**
 * Installs the packages that `deno.json` names unless they are there.
 *
 * @throws {StackError} when they cannot be had
 */
export async function ensureDependencies(): Promise<void> {
  const config = JSON.parse(await Deno.readTextFile(`${PROJECT_ROOT}deno.json`));
  const missing = Object.keys(config.imports).filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const { success, complaints } = await runProgram(Deno.execPath(), {
    args: ["install", "--quiet"],
    cwd: PROJECT_ROOT,
  });
  if (success) return;
  const rule = `packages must be installable (missing: ${missing.join(", ")})`;
  throw new StackError(`Cannot start the stack: ${rule}, received "${complaints.at(-1)}"`);
}

function isInstalled(name: string): boolean {
  try {
    return Deno.statSync(`${PROJECT_ROOT}node_modules/${name}`).isDirectory;
  } catch {
    return false; // not there
  }
}
