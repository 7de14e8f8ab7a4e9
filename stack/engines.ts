/**
 * Which engine runs a system: processes of this machine, or containers.
 *
 * @module
 */
import { ComposeStack } from "./compose/engine.ts";
import { ProcessStack } from "./process/engine.ts";
import type { Stack, StackOptions } from "./stack.ts";
import { findTool } from "./tools.ts";

/** A stack that lives in this process. */
export type OwnStack = Stack & AsyncDisposable & {
  /** Where the front answers. */
  readonly url: string;
  /** Resolves when it is down, whoever asked for it. */
  readonly closed: Promise<void>;
};

/** What to take when nobody said: containers where a Docker engine answers, else processes. */
export function defaultEngine(): StackOptions["engine"] {
  return findTool("docker").present ? "compose" : "process";
}

/**
 * Starts everything on the engine that the options name; resolves when it serves.
 *
 * @throws {StackError} with one line; nothing is left running then
 */
export function startOnEngine(
  options: StackOptions,
  rest: { stateDir: string; signal?: AbortSignal },
): Promise<OwnStack> {
  return options.engine === "compose"
    ? ComposeStack.start(options, rest)
    : ProcessStack.start(options, rest);
}
