import assert from "node:assert/strict";
import { requires } from "../../testing/requires.ts";
import { release, spawnSession } from "./spawn.ts";

const touch = (folder: string) => ({
  command: "/bin/sh",
  args: ["-c", `cat >${folder}/input; touch ${folder}/done`],
  env: {},
});

Deno.test({
  name: "spawnSession() begins nothing when its supervisor dies before release()",
  ...requires(),
  async fn() {
    const folder = await Deno.makeTempDir();
    const child = spawnSession(touch(folder), `${folder}/log`);
    await child.stdin.close(); // what the kernel does then
    await child.status;
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name: "release() lets it begin, with nothing to read; it may have been killed",
  ...requires(),
  async fn() {
    const folder = await Deno.makeTempDir();
    const child = spawnSession(touch(folder), `${folder}/log`);
    await release(child);
    assert.equal((await child.status).code, 0);
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assert.deepEqual(names, ["done", "input", "log"]);
    assert.equal(Deno.readTextFileSync(`${folder}/input`), "");

    const killed = spawnSession(touch(folder), `${folder}/log`);
    killed.kill("SIGKILL");
    await killed.status;
    await release(killed);
    await Deno.remove(folder, { recursive: true });
  },
});
