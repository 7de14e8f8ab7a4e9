import assert from "node:assert/strict";
import { requires } from "../testing/requires.ts";
import { findTool } from "./tools.ts";

/** A folder of fake programs that print the given text. */
async function fakeTools(programs: Record<string, string>): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "tools-" });
  for (const [name, body] of Object.entries(programs)) {
    const path = `${folder}/${name}`;
    Deno.writeTextFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  }
  return folder;
}

Deno.test({
  name: "findTool() reads the version from stdout or stderr and says what it rules out",
  ...requires(),
  async fn() {
    const folder = await fakeTools({
      nginx: "echo 'nginx version: nginx/1.22.1' >&2",
      caddy: "echo 'v2.11.4 h1:abc='",
    });
    try {
      const nginx = findTool("nginx", { folders: [folder] });
      assert.ok(nginx.present);
      assert.deepEqual([nginx.path, nginx.version], [`${folder}/nginx`, "1.22.1"]);
      assert.equal(nginx.limits.length, 2);
      assert.match(nginx.limits[0] ?? "", /resolved once.*1\.27\.3/);
      const caddy = findTool("caddy", { folders: [folder] });
      assert.ok(caddy.present);
      assert.deepEqual([caddy.version, caddy.limits], ["2.11.4", []]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "findTool() goes on when a program is too old, broken or not executable",
  ...requires(),
  async fn() {
    const old = await fakeTools({ node: "echo v20.20.2", docker: "exit 1" });
    const good = await fakeTools({ node: "echo v24.21.0" });
    await Deno.writeTextFile(`${old}/oha`, "oha 1.16.0", { mode: 0o644 });
    try {
      const node = findTool("node", { folders: [old, good] });
      assert.ok(node.present);
      assert.equal(node.path, `${good}/node`);
      assert.deepEqual(findTool("node", { folders: [old] }), {
        present: false,
        name: "node",
        reason: `node 20.20.2 at ${old}/node is older than 22.18`,
        unfit: true,
      });
      assert.deepEqual(findTool("docker", { folders: [old] }), {
        present: false,
        name: "docker",
        reason: `${old}/docker does not say its version: no engine answers it`,
        unfit: true,
      });
      assert.deepEqual(findTool("oha", { folders: [old] }), {
        present: false,
        name: "oha",
        reason: "oha is not installed",
        unfit: false,
      });
    } finally {
      await Promise.all([old, good].map((folder) => Deno.remove(folder, { recursive: true })));
    }
  },
});
