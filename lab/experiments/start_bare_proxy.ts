/**
 * Runs the bare proxy of `hop` as a process of its own.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** Starts a proxy to `upstream`, a base URL. */
export async function startBareProxy(
  upstream: string,
): Promise<{ url: string; pid: number } & AsyncDisposable> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-net=127.0.0.1",
      fileURLToPath(new URL("./bare_proxy.ts", import.meta.url)),
      upstream,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  const port = new TextDecoder().decode((await reader.read()).value).trim();
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}
