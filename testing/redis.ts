/**
 * A private Redis server for a test: free port, own directory, gone when the test is.
 *
 * @module
 */
import { createServer } from "node:net";
import { once } from "node:events";
import { findTool } from "../stack/tools.ts";

/** A running Redis server that belongs to one test. */
export interface TestRedis extends AsyncDisposable {
  /** `redis://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  /** Shuts it down in order; data stays for {@linkcode TestRedis.restart}. */
  stop(): Promise<void>;
  /** Starts it again on the same port with what its append-only file holds. */
  restart(): Promise<void>;
  /** Sends a signal: `SIGKILL` (waits for the end), `SIGSTOP`, `SIGCONT`. */
  kill(signal?: "SIGKILL" | "SIGSTOP" | "SIGCONT"): Promise<void>;
}

/**
 * Starts a Redis server with an append-only file in a new temporary directory.
 *
 * @throws {Error} when there is no `redis-server` (say so with `requires("redis-server")`)
 */
export async function startTestRedis(): Promise<TestRedis> {
  const dir = await Deno.makeTempDir({ prefix: "test-redis-" });
  const port = await freePort();
  let server = await launch(dir, port);

  async function end(signal: Deno.Signal): Promise<void> {
    try {
      server.kill(signal);
    } catch {
      // It has ended already.
    }
    await server.status;
  }

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    stop: () => end("SIGTERM"),
    async restart() {
      await end("SIGTERM");
      server = await launch(dir, port);
    },
    async kill(signal = "SIGKILL") {
      if (signal === "SIGKILL") await end(signal);
      else server.kill(signal);
    },
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
      await Deno.remove(dir, { recursive: true });
    },
  };
}

async function launch(dir: string, port: number): Promise<Deno.ChildProcess> {
  const tool = findTool("redis-server");
  if (!tool.present) throw new Error(`Cannot start Redis: ${tool.reason}`);
  const server = new Deno.Command(tool.path, {
    args: [
      ...["--port", `${port}`, "--bind", "127.0.0.1", "--dir", dir, "--save", ""],
      ...["--appendonly", "yes", "--appendfsync", "always"],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  // Kept reading to the end, so that the server never blocks on a full pipe.
  const reader = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let output = "";
  while (!output.includes("Ready to accept connections")) {
    // deno-lint-ignore no-await-in-loop -- lines come one after the other
    const { done, value } = await reader.read();
    if (done) throw new Error(`Cannot start Redis: it must get ready, it said "${output}"`);
    output += value;
  }
  void (async () => {
    // deno-lint-ignore no-await-in-loop -- discards
    while (!(await reader.read()).done);
  })();
  return server;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
