// deno-lint-ignore-file no-await-in-loop -- one case after the other
import assert from "node:assert/strict";
import { requires } from "../testing/requires.ts";
import { connectStack, stopStack } from "./open.ts";
import { createFolders, holdStateDir, stateDir, takeStateDir } from "./supervisor/state_dir.ts";

Deno.test({
  name: "connectStack() says that a stack is starting while its supervisor has no socket yet",
  ...requires(),
  async fn() {
    const dir = stateDir(await Deno.makeTempDir());
    createFolders(dir);
    const lock = await holdStateDir(dir);
    assert.throws(() => connectStack({ stateDir: dir.root }), {
      message: "The stack is starting: try again in a moment",
      exitCode: 2,
    });
    lock?.close();
    await Deno.remove(dir.root, { recursive: true });
  },
});

Deno.test({
  name: "a state directory that cannot be is one clear line; there is nothing to stop in it",
  ...requires(),
  async fn() {
    const file = await Deno.makeTempFile();
    for (const root of ["/proc/x", file, `${file}/x`]) {
      await assert.rejects(takeStateDir(root), {
        message: "Cannot use the state directory: it must be a folder that this user can write " +
          `to, received "${root}"`,
        exitCode: 2,
      });
      assert.equal(await stopStack({ stateDir: root }), "nothing");
      assert.throws(() => connectStack({ stateDir: root }), /one must run/);
    }
    const relative = {
      message: 'Cannot use the state directory: its path must be absolute, received "some/where"',
      exitCode: 2,
    };
    assert.throws(() => connectStack({ stateDir: "some/where" }), relative);
    await assert.rejects(stopStack({ stateDir: "some/where" }), relative);
    await Deno.remove(file);
  },
});
