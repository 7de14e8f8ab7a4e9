/**
 * Which engine runs a system: processes of this machine, or containers.
 *
 * @module
 */
import { startContainers } from "./compose/engine.ts";
import { startProcesses } from "./process/engine.ts";
import type { StackOptions } from "./stack.ts";
import type { StartOptions, Supervisor } from "./supervisor/supervisor.ts";
import { findTool } from "./tools.ts";

/** What to take when nobody said: containers where a Docker engine answers, else processes. */
export function defaultEngine(): StackOptions["engine"] {
  return findTool("docker").present ? "compose" : "process";
}

/**
 * Starts everything on the engine that the options name; resolves when it serves.
 *
 * @throws {StackError} with one line; nothing is left running then
 */
export function startOnEngine(options: StackOptions, rest: StartOptions): Promise<Supervisor> {
  return options.engine === "compose"
    ? startContainers(options, rest)
    : startProcesses(options, rest);
}
