/**
 * How tasks, tests and the lab get hold of a stack: start one here, start one that goes on by itself, or
 * reach the one that runs.
 *
 * @module
 */
import { isSweepNeeded, sweepContainers } from "./compose/sweep.ts";
import { ensureDependencies } from "./dependencies.ts";
import { startOnEngine } from "./engines.ts";
import { StackClient } from "./supervisor/control.ts";
import { sweepLedger } from "./process/ledger.ts";
import { sendSignal } from "./proc.ts";
import {
  holderOf,
  removeVolatile,
  type StateDir,
  stateDir as pathsOf,
} from "./supervisor/state_dir.ts";
import { poll } from "./poll.ts";
import { type Stack, StackError, type StackOptions, stackOptionsSchema } from "./stack.ts";
import type { Supervisor } from "./supervisor/supervisor.ts";
import { PROJECT_ROOT } from "./tools.ts";

/**
 * Where `up` and all other tasks keep the state of the one stack of this checkout. `STACK_DIR` (an
 * absolute path) moves it, so that tests of the tasks leave a running stack alone. Read when asked for:
 * a test file must load where it may not read the environment.
 */
export function defaultStateDir(): string {
  return Deno.env.get("STACK_DIR") ?? `${PROJECT_ROOT}.stack`;
}

/** The session of a supervisor is its own: a Ctrl-C reaches only who waits for it. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Options of everything here. */
export interface OpenOptions {
  /** Absolute path. @default defaultStateDir() */
  stateDir?: string;
}

/**
 * Starts a stack whose supervisor is this process; resolves when it serves.
 *
 * @throws {StackError} with one line; nothing is left running then
 */
export async function startStack(
  options: Partial<StackOptions> = {},
  { stateDir = defaultStateDir(), signal }: OpenOptions & { signal?: AbortSignal } = {},
): Promise<Supervisor> {
  await ensureDependencies();
  return await startOnEngine(stackOptionsSchema.parse(options), {
    stateDir,
    ...(signal ? { signal } : {}),
  });
}

/**
 * Starts a stack whose supervisor is a process of its own that outlives this one; resolves when it
 * serves. A signal to this process that comes before is passed on to it, and waits for its end.
 *
 * @throws {StackError} with the one line of the supervisor
 */
export async function startDetachedStack(
  options: Partial<StackOptions> = {},
  { stateDir = defaultStateDir() }: OpenOptions = {},
): Promise<Stack> {
  await ensureDependencies();
  const main = new URL("./supervisor/main.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", main, stateDir, JSON.stringify(options)],
    detached: true,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const forward = SIGNALS.map((signal) => [signal, () => sendSignal(child.pid, signal)] as const);
  for (const [signal, pass] of forward) Deno.addSignalListener(signal, pass);
  const said = JSON.parse(await readLine(child.stdout) || "null");
  if (!said?.ready) await child.status;
  child.unref();
  for (const [signal, pass] of forward) Deno.removeSignalListener(signal, pass);
  if (said?.ready) return new StackClient(pathsOf(stateDir).socket);
  throw new StackError(said?.message ?? "Cannot start the stack: its supervisor must not end", {
    exitCode: said?.exitCode ?? 1,
  });
}

/**
 * The stack that runs now.
 *
 * @throws {StackError} when none does, it does not serve yet, or its supervisor was killed
 */
export function connectStack({ stateDir = defaultStateDir() }: OpenOptions = {}): Stack {
  const dir = pathsOf(stateDir);
  if (holderOf(dir) !== undefined) {
    if (isThere(dir.socket)) return new StackClient(dir.socket);
    throw new StackError("The stack is starting: try again in a moment"); // or it has just stopped
  }
  if (isThere(dir.ledger) || isSweepNeeded(dir.root)) {
    const advice = `its supervisor must live (clean up with "deno task down")`;
    throw new StackError(
      `Cannot reach the stack: ${advice}, received a killed one in "${stateDir}"`,
    );
  }
  throw new StackError(`Cannot reach the stack: one must run (start it with "deno task up")`);
}

/** Whether a supervisor is there. */
export function isStackRunning({ stateDir = defaultStateDir() }: OpenOptions = {}): boolean {
  return holderOf(pathsOf(stateDir)) !== undefined;
}

/**
 * Drains and stops whatever is there: a running stack, or what a killed supervisor left.
 *
 * @returns what there was to stop
 */
export async function stopStack(
  { stateDir = defaultStateDir() }: OpenOptions = {},
): Promise<"stopped" | "cleaned" | "nothing"> {
  const dir = pathsOf(stateDir);
  const holder = holderOf(dir);
  if (holder !== undefined) await endSupervisor(dir, holder);
  const left = isThere(dir.ledger) || isThere(dir.socket) || isSweepNeeded(dir.root);
  await sweepLedger(dir.ledger);
  if (isSweepNeeded(dir.root)) await sweepContainers(dir.root);
  if (isThere(dir.lock)) removeVolatile(dir); // else it never was a state directory
  return holder !== undefined ? "stopped" : left ? "cleaned" : "nothing";
}

/** Asks; when nobody answers, insists. Resolves when the supervisor holds the directory no more. */
async function endSupervisor(dir: StateDir, pid: number): Promise<void> {
  const stages: [waitMs: number, act: () => unknown][] = [
    [30_000, () => new StackClient(dir.socket).down()],
    [15_000, () => sendSignal(pid, "SIGTERM")],
    [5_000, () => sendSignal(pid, "SIGKILL")],
  ];
  const isFree = () => holderOf(dir) === undefined;
  for (const [waitMs, act] of stages) {
    let refused = false;
    Promise.resolve(act()).catch(() => refused = true); // dead socket: the next stage insists
    // deno-lint-ignore no-await-in-loop -- the next stage insists
    await poll(() => refused || isFree(), { timeoutMs: waitMs, everyMs: 20 });
    if (isFree()) return;
  }
}

/** The first line of a stream, empty when it ends before; the stream is let go of. */
async function readLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  return "";
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false; // not there, which is the question
  }
}
