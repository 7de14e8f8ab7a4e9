/**
 * The front as a process: nginx or Caddy with a rendered configuration in a folder of its own. A change
 * of policy or replicas is a reload; a change of balancer starts the new one on the same port
 * (SO_REUSEPORT), and only when it answers lets the old one finish and end.
 *
 * @module
 */
import type { Front, FrontProgram } from "../../lb/front.ts";
import { type FrontLaunch, launchOf } from "../../lb/launch.ts";
import { poll } from "../poll.ts";
import { replaceFile } from "../replace_file.ts";
import { runProgram } from "../run_program.ts";
import { StackError } from "../stack.ts";
import { findTool } from "../tools.ts";
import { Instance, type InstanceOptions, type ProcessRef } from "./instance.ts";
import { answersAs } from "../answers.ts";
import { sendSignal, sessionMembers } from "../proc.ts";
import type { StateDir } from "../supervisor/state_dir.ts";

const RELOAD_TIMEOUT_MS = 5_000;

/** Options of {@linkcode FrontProcess}. */
export interface FrontProcessOptions {
  dir: StateDir;
  config: Front;
  instanceOptions: InstanceOptions;
}

/** A program and what it was told. */
interface Running {
  instance: Instance;
  config: Front;
  program: FrontProgram;
  /** Path of the program. */
  path: string;
}

/** The front of one stack. */
export class FrontProcess {
  readonly #dir: StateDir;
  readonly #instanceOptions: InstanceOptions;
  #generation = 0;
  #running: Running;

  constructor(options: FrontProcessOptions) {
    this.#dir = options.dir;
    this.#instanceOptions = options.instanceOptions;
    this.#running = this.#prepare(options.config);
  }

  /** What it is told now. */
  get config(): Front {
    return this.#running.config;
  }

  /** The process that serves. */
  get instance(): Instance {
    return this.#running.instance;
  }

  /** Starts it; resolves when it answers. */
  async start(): Promise<void> {
    await this.#running.instance.start();
  }

  /**
   * Makes `config` the one that serves, alone, without refusing a request meanwhile. When that fails the
   * old one goes on, also after a restart.
   */
  async apply(config: Front): Promise<void> {
    if (config.kind !== this.#running.config.kind) return await this.#replace(config);
    const next = { ...this.#running, config: { ...config, id: this.#running.config.id } };
    const old = launchOf(this.#running.config, this.#running.program);
    const launch = launchOf(next.config, next.program);
    if (launch.text === old.text) return;
    await checkConfig(next, launch);
    writeConfig(next.program, launch);
    try {
      await reload(next, launch);
    } catch (error) {
      writeConfig(next.program, old);
      throw error;
    }
    this.#running = next;
  }

  /** Finishes what is in flight and ends. */
  async stop(): Promise<void> {
    await this.#running.instance.stop();
  }

  async #replace(config: Front): Promise<void> {
    const old = this.#running;
    const next = this.#prepare(config);
    try {
      await next.instance.start();
    } catch (error) {
      await next.instance.stop();
      Deno.removeSync(next.program.directory, { recursive: true });
      throw error;
    }
    this.#running = next;
    await old.instance.stop();
    Deno.removeSync(old.program.directory, { recursive: true });
  }

  #prepare(wanted: Front): Running {
    const { kind, host, port } = wanted;
    const config = { ...wanted, id: `front-${++this.#generation}` };
    const tool = findTool(kind);
    if (!tool.present) {
      throw new StackError(`Cannot start the front: ${tool.reason}; run "deno task setup"`);
    }
    const program = { version: tool.version, directory: `${this.#dir.front}/${config.id}` };
    Deno.mkdirSync(program.directory, { mode: 0o700 });
    const launch = launchOf(config, program);
    writeConfig(program, launch);
    const address = `http://${host}:${port}`;
    const instance = new Instance({
      id: "front",
      service: "front",
      address,
      command: tool.path,
      args: launch.args,
      env: launch.env,
      askToEnd: kind === "nginx" ? endNginx : ({ pid }) => sendSignal(pid, launch.stopSignal),
      stopTimeoutMs: config.drainMs + 2_000,
      // Two fronts may share the port: only the answer of this one counts.
      probe: (signal) => answersAs(config.id, { url: `${address}/`, signal }),
    }, this.#instanceOptions);
    return { config, program, path: tool.path, instance };
  }
}

/**
 * An nginx master that is told to quit closes its listening sockets some time after its workers did.
 * Meanwhile nobody accepts, and the kernel goes on giving it a share of the connections (it shares the
 * port with its successor), which are reset in the end: 15 of 5,000 on a busy machine. Without their
 * master the workers go on, and each one's close is the last.
 */
function endNginx(master: ProcessRef): void {
  const workers = sessionMembers(master).filter(({ pid }) => pid !== master.pid);
  sendSignal(master.pid, "SIGKILL");
  for (const { pid } of workers) sendSignal(pid, "SIGQUIT");
}

/** A bad file would be ignored silently, or keep a crashed one from coming back. */
async function checkConfig({ path, program }: Running, launch: FrontLaunch): Promise<void> {
  const { file, text, checkArgs, env } = launch;
  const draft = `${program.directory}/${file}.new`;
  Deno.writeTextFileSync(draft, text, { mode: 0o600 });
  try {
    await run(path, checkArgs(draft), env);
  } finally {
    Deno.removeSync(draft);
  }
}

function writeConfig({ directory }: FrontProgram, { file, text }: FrontLaunch): void {
  replaceFile(`${directory}/${file}`, text);
}

/** Resolves when the processes that followed the old configuration take no more connections. */
async function reload({ instance, path }: Running, launch: FrontLaunch): Promise<void> {
  // One that is just being started again may have read the old file, and cannot be told yet.
  await waitUntil(() => instance.state === "ready", "it must serve");
  const { process } = instance;
  if (!process) throw new StackError("Cannot reload the front: it must run, received none");
  const { reload, env } = launch;
  if (reload.kind === "command") return await run(path, reload.args, env);
  const old = sessionMembers(process).filter(({ pid }) => pid !== process.pid);
  instance.signal(reload.signal);
  await waitUntil(() => !old.some(({ pid }) => takesConnections(pid)), "its workers must be new");
}

async function waitUntil(condition: () => boolean, rule: string): Promise<void> {
  if (await poll(condition, { timeoutMs: RELOAD_TIMEOUT_MS, everyMs: 10 })) return;
  const received = `nothing of it in ${RELOAD_TIMEOUT_MS} ms`;
  throw new StackError(`Cannot reload the front: ${rule}, received "${received}"`, { exitCode: 1 });
}

/** An nginx worker that finishes what it has says so in its title. */
function takesConnections(pid: number): boolean {
  try {
    return !Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes("shutting down");
  } catch {
    return false; // it has ended
  }
}

async function run(path: string, args: string[], env: Record<string, string>): Promise<void> {
  const { success, complaints } = await runProgram(path, { args, env });
  if (success) return;
  const rule = "it must accept the change";
  throw new StackError(`Cannot change the front: ${rule}, received "${complaints.at(-1)}"`);
}
