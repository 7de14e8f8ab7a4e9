/**
 * `deno task verify`: seven checks of the system, on the running stack or on one of its own.
 *
 * Exit status: 0 when all passed, 1 when one failed, 2 when it cannot run here.
 *
 * @module
 */
import process from "node:process";
import { verify } from "../lab/verify/verify.ts";
import { connectStack, isStackRunning, startStack } from "../stack/open.ts";
import { command, main, oneOf, toggle, value } from "./cli.ts";
import { installMissing } from "./setup.ts";

/** The task. */
export const verifyTask = command({
  name: "verify",
  summary: "Run seven checks on the running stack, or on one of its own.",
  flags: {
    front: value("nginx|caddy", oneOf(["nginx", "caddy"]), "balancer of its own stack (nginx)"),
    runtime: value("deno|node", oneOf(["deno", "node"]), "runtime of its own stack (deno)"),
    yes: toggle("install what is missing without asking"),
  },
  async run({ front = "nginx", runtime = "deno", yes }) {
    if (isStackRunning()) return await verifyAll(connectStack());
    await installMissing(
      [front, "redis-server", ...(runtime === "node" ? ["node" as const] : [])],
      {
        yes,
      },
    );
    const stateDir = await Deno.makeTempDir({ prefix: "verify-" });
    const interrupted = new AbortController();
    Deno.addSignalListener("SIGINT", () => interrupted.abort());
    Deno.addSignalListener("SIGTERM", () => interrupted.abort());
    try {
      await using stack = await startStack({ port: 0, front, runtime }, {
        stateDir,
        signal: interrupted.signal,
      });
      return await Promise.race([verifyAll(stack), stack.closed.then(() => 1)]);
    } finally {
      await Deno.remove(stateDir, { recursive: true });
    }
  },
});

async function verifyAll(stack: Parameters<typeof verify>[0]): Promise<number> {
  const passed = await verify(stack, ({ title }, { passed, seen }) => {
    process.stdout.write(`${passed ? "pass" : "FAIL"}  ${title}\n      ${seen}\n`);
  });
  return passed ? 0 : 1;
}

if (import.meta.main) await main(verifyTask);
