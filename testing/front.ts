// deno-lint-ignore-file no-await-in-loop -- looking again is the point
/**
 * A real nginx or Caddy for a test, in a folder of its own, on a free port.
 *
 * @module
 */
import { type FrontInput, frontSchema } from "../lb/front.ts";
import { launchOf } from "../lb/launch.ts";
import { findTool } from "../stack/tools.ts";

/** A front that runs. */
export interface TestFront extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  /** The process that was started. */
  readonly pid: number;
  /** What it printed. */
  log(): string;
}

const START_TIMEOUT_MS = 10_000;

/**
 * Starts a front, waits until it answers.
 *
 * @throws {Error} with what it printed when it does not answer within ten seconds
 */
export async function startTestFront(
  input: Omit<FrontInput, "port"> & { port?: number },
): Promise<TestFront> {
  const front = frontSchema.parse({ port: freePort(), ...input });
  const tool = findTool(front.kind);
  if (!tool.present) throw new Error(`Cannot start a front: ${tool.reason}`);
  const directory = await Deno.makeTempDir({ prefix: `test-${front.kind}-` });
  const launch = launchOf(front, { version: tool.version, directory });
  await Deno.writeTextFile(`${directory}/${launch.file}`, launch.text);
  const child = new Deno.Command(tool.path, {
    args: launch.args,
    env: launch.env,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const printed: string[] = [];
  const reading = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) printed.push(text);
  })();
  const stop = async () => {
    try {
      // Nobody waits for a test's requests: nginx ends its workers at once, Caddy has none.
      child.kill(front.kind === "nginx" ? "SIGTERM" : "SIGKILL");
    } catch {
      // it has already ended
    }
    await child.status;
    await reading;
    await Deno.remove(directory, { recursive: true });
  };
  const url = `http://127.0.0.1:${front.port}`;
  const deadline = performance.now() + START_TIMEOUT_MS;
  let ended = false;
  void child.status.then(() => ended = true);
  while (!await answers(url)) {
    if (ended || performance.now() > deadline) {
      await stop();
      throw new Error(`Cannot start ${front.kind}: it must answer, received "${printed.join("")}"`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    url,
    port: front.port,
    pid: child.pid,
    log: () => printed.join(""),
    [Symbol.asyncDispose]: stop,
  };
}

/** A port that was free a moment ago. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.body?.cancel();
    return response.status === 404; // only a front says that about `/`
  } catch {
    return false; // not listening yet
  }
}
