import assert from "node:assert/strict";
import { findTool, PROJECT_ROOT } from "../../stack/tools.ts";
import { requires } from "../../testing/requires.ts";
import { denoArgs, nodeArgs } from "./command.ts";

/** More than a pipe holds (64 KiB on Linux), at some 200 bytes a line. */
const REQUESTS = 1_000;

async function checkStalledReader(command: string, args: string[]): Promise<void> {
  await using instance = new Deno.Command(command, {
    args: [...args, `${PROJECT_ROOT}kit/runtime/fixture/main.ts`],
    env: { DRAIN_TIMEOUT_MS: "2000" },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = instance.stdout.getReader();
  try {
    let text = "";
    while (!text.includes('"port":')) {
      // deno-lint-ignore no-await-in-loop -- one piece after the other
      const { value, done } = await reader.read();
      assert.ok(!done);
      text += new TextDecoder().decode(value);
    }
    const url = `http://127.0.0.1:${/"port":(\d+)/.exec(text)?.[1]}/`;
    // From here on nobody reads the log.
    for (let i = 0; i < REQUESTS; i++) {
      // deno-lint-ignore no-await-in-loop -- one request after the other is the point
      const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
      // deno-lint-ignore no-await-in-loop -- one request after the other is the point
      await response.body?.cancel();
    }
    instance.kill("SIGTERM");
    assert.equal((await instance.status).code, 0, "and it ends as if nothing was");
  } finally {
    await reader.cancel();
    try {
      instance.kill("SIGKILL");
    } catch { /* it has ended */ }
  }
}

Deno.test({
  name: "an instance serves and drains while nobody reads its log (Deno)",
  ...requires(),
  fn: () => checkStalledReader(Deno.execPath(), denoArgs({ read: [PROJECT_ROOT] })),
});

Deno.test({
  name: "an instance serves and drains while nobody reads its log (Node)",
  ...requires("node"),
  async fn() {
    const node = findTool("node");
    assert.ok(node.present);
    await checkStalledReader(node.path, nodeArgs());
  },
});
