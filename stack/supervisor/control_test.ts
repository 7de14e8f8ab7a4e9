// deno-lint-ignore-file no-await-in-loop -- one verb after the other
import assert from "node:assert/strict";
import { requires } from "../../testing/requires.ts";
import { StackClient } from "./control.ts";

Deno.test({
  name: "StackClient gives up in every verb when the supervisor is stuck",
  ...requires(),
  async fn() {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/control.sock`;
    // The kernel takes connections for a process that is stopped, and nobody answers them.
    const stuck = Deno.listen({ transport: "unix", path });
    const client = new StackClient(path, { answerTimeoutMs: 50 });
    const verbs: Record<string, () => Promise<unknown>> = {
      status: () => client.status(),
      scale: () => client.scale({ gateway: 2 }),
      front: () => client.setFront({ policy: "ip-hash" }),
      kill: () => client.kill("gateway-1", "SIGKILL"),
      logs: () => Array.fromAsync(client.logs({ follow: true })),
    };
    for (const [name, verb] of Object.entries(verbs)) {
      await assert.rejects(verb, {
        message: `Cannot reach the stack: its supervisor must answer (try "deno task down"), ` +
          `received "${path}"`,
      }, name);
    }
    stuck.close();
    await Deno.remove(folder, { recursive: true });
  },
});
