/**
 * A front whose list of replicas is out of date, as one that resolved a name once, at start: some addresses lead nowhere.
 *
 * The dead addresses are local sockets whose queue of connections is full, so that the kernel drops what knocks, as a
 * network does with packets for a container that is gone.
 *
 * @module
 */
import { frontSchema } from "../../lb/front.ts";
import { launchOf } from "../../lb/launch.ts";
import { findFreePorts } from "../../stack/ports.ts";
import { findTool } from "../../stack/tools.ts";

/** Options of {@linkcode startStaleFront}. */
export interface StaleFrontOptions {
  /** `host:port` of the replica that lives. */
  live: string;
  /** Addresses in the list that lead nowhere. */
  dead: number;
  /** nginx waits this long for a connection; its default is 60 s. */
  connectTimeoutMs: number;
}

/** Starts an nginx with dead addresses before the live one. */
export async function startStaleFront(
  { live, dead, connectTimeoutMs }: StaleFrontOptions,
): Promise<{ url: string } & AsyncDisposable> {
  const nginx = findTool("nginx");
  if (!nginx.present) throw new Error(`Cannot start a front: ${nginx.reason}`);
  const holes = await Promise.all(Array.from({ length: dead }, openHole));
  const directory = await Deno.makeTempDir({ prefix: "stale-" });
  const [port = 0] = findFreePorts(1);
  const front = frontSchema.parse({
    kind: "nginx",
    policy: "round-robin",
    port,
    connectTimeoutMs,
    retryWindowMs: 60_000,
    upstreams: [
      ...holes.map((hole, i) => ({ id: `gone-${i + 1}`, address: hole.address })),
      { id: "live", address: live },
    ],
  });
  const launch = launchOf(front, { version: nginx.version, directory });
  await Deno.writeTextFile(`${directory}/${launch.file}`, launch.text);
  const child = new Deno.Command(nginx.path, {
    args: launch.args,
    cwd: directory,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const url = `http://127.0.0.1:${port}`;
  await untilListening(port);
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await child.status;
      holes.forEach((hole) => hole[Symbol.dispose]());
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** A socket that listens but never answers a knock. */
async function openHole(): Promise<{ address: string } & Disposable> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const waiting: Deno.TcpConn[] = [];
  // Connections complete until the queue is full; the first that does not within 300 ms shows that it is.
  for (let full = false; !full;) {
    const knock = Deno.connect({ hostname: "127.0.0.1", port });
    // deno-lint-ignore no-await-in-loop -- one at a time, to see the first that waits
    const connection = await Promise.race([
      knock,
      new Promise<null>((resolve) => setTimeout(() => resolve(null), 300)),
    ]);
    if (connection) waiting.push(connection);
    else {
      full = true;
      // It may still succeed or fail when the listener closes; either way it is nobody's.
      knock.then((late) => late.close(), () => {});
    }
  }
  return {
    address: `127.0.0.1:${port}`,
    [Symbol.dispose]: () => {
      waiting.forEach((connection) => connection.close());
      listener.close();
    },
  };
}

async function untilListening(port: number): Promise<void> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    try {
      // deno-lint-ignore no-await-in-loop -- looking again is the point
      return (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      // deno-lint-ignore no-await-in-loop -- as above
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
