/**
 * A real instance in a process of its own, on either runtime, under the permissions that the stack
 * gives it.
 *
 * @module
 */
import { denoArgs, nodeArgs } from "../kit/runtime/command.ts";
import { findTool, PROJECT_ROOT } from "../stack/tools.ts";

/** One line that the instance logged. */
export type LogLine = { msg: string; level: string; instance: string } & Record<string, unknown>;

/** A started process. Disposing of it kills it, if it still runs. */
export interface InstanceProcess extends AsyncDisposable {
  readonly pid: number;
  /** What it logged so far. Lines that were no JSON objects are in `rubbish`. */
  readonly lines: readonly LogLine[];
  /** Everything else that it printed. */
  readonly rubbish: readonly string[];
  /** Resolves with the first line, old or new, that has this `msg`; rejects when the process ends without. */
  logged(msg: string): Promise<LogLine>;
  /** Where it listens. */
  url(): Promise<string>;
  kill(signal: Deno.Signal): void;
  /** Resolves when the process has ended and its output is read. */
  readonly exitCode: Promise<number>;
}

/** Options of {@linkcode startInstanceProcess}. */
export interface InstanceProcessOptions {
  runtime: "deno" | "node";
  /** Path of the program, from the root of the project. */
  main: string;
  /** Its whole environment. */
  env?: Record<string, string>;
}

/** Starts a program and reads its log. */
export function startInstanceProcess(options: InstanceProcessOptions): InstanceProcess {
  const { runtime, main, env = {} } = options;
  const command = runtime === "deno" ? Deno.execPath() : nodePath();
  const args = runtime === "deno" ? denoArgs({ read: [PROJECT_ROOT] }) : nodeArgs();
  const child = new Deno.Command(command, {
    args: [...args, PROJECT_ROOT + main],
    env: { NO_COLOR: "1", ...denoHome(runtime), ...env },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const lines: LogLine[] = [];
  const rubbish: string[] = [];
  const waiting = new Set<() => void>();
  const wake = () => waiting.forEach((look) => look());
  let ended = false;
  const read = [
    eachLine(child.stdout, (line) => {
      try {
        lines.push(JSON.parse(line));
      } catch {
        rubbish.push(line);
      }
      wake();
    }),
    eachLine(child.stderr, (line) => rubbish.push(line)),
  ];
  const exitCode = Promise.all([child.status, ...read]).then(([{ code }]) => {
    ended = true;
    wake();
    return code;
  });
  const logged = (msg: string) =>
    new Promise<LogLine>((resolve, reject) => {
      const look = () => {
        const line = lines.find((line) => line.msg === msg);
        if (line) resolve(line);
        else if (ended) {
          const output = [...lines.map((line) => JSON.stringify(line)), ...rubbish].join("\n");
          reject(new Error(`Cannot find "${msg}": the process ended after\n${output}`));
        } else return;
        waiting.delete(look);
      };
      waiting.add(look);
      look();
    });
  return {
    pid: child.pid,
    lines,
    rubbish,
    logged,
    url: async () => `http://127.0.0.1:${(await logged("listening")).port}`,
    kill: (signal) => child.kill(signal),
    exitCode,
    async [Symbol.asyncDispose]() {
      if (!ended) {
        try {
          child.kill("SIGKILL");
        } catch { /* it has just ended by itself */ }
      }
      await exitCode;
    },
  };
}

function nodePath(): string {
  const node = findTool("node");
  if (!node.present) throw new Error(`Cannot start instance: ${node.reason}`);
  return node.path;
}

/** Deno finds its cache of packages through these. */
function denoHome(runtime: "deno" | "node"): Record<string, string> {
  if (runtime === "node") return {};
  const names = ["HOME", "DENO_DIR", "XDG_CACHE_HOME"];
  return Object.fromEntries(names.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}

async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    parts.forEach(take);
  }
  if (rest !== "") take(rest);
}
