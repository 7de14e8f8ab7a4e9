// deno-lint-ignore-file no-await-in-loop -- the loop only makes tests
import assert from "node:assert/strict";
import { frontSchema } from "../../lb/front.ts";
import { requires } from "../../testing/requires.ts";
import { FrontProcess } from "./front_process.ts";
import { type InstanceOptions, processesOf } from "./instance.ts";
import { Ledger } from "./ledger.ts";
import { LogFiles } from "../log_files.ts";
import { findFreePorts } from "../ports.ts";
import { createFolders, type StateDir, stateDir } from "../supervisor/state_dir.ts";

interface Fixture extends AsyncDisposable {
  front: FrontProcess;
  dir: StateDir;
  instanceOptions: InstanceOptions;
  pids: () => number[];
}

/** A front with one upstream that nobody listens on. */
async function fixture(kind: "nginx" | "caddy"): Promise<Fixture> {
  const dir = stateDir(await Deno.makeTempDir());
  createFolders(dir);
  const ledger = new Ledger(dir.ledger);
  const instanceOptions: InstanceOptions = { ledger, logs: new LogFiles(dir.logs) };
  const [port] = findFreePorts(1);
  const upstreams = [{ id: "gateway-1", address: "127.0.0.1:1" }];
  const config = frontSchema.parse({ kind, policy: "round-robin", port, upstreams });
  const front = new FrontProcess({ dir, config, instanceOptions });
  await front.start();
  return {
    front,
    dir,
    instanceOptions,
    pids: () => processesOf(front.instance).map(({ pid }) => pid).sort(),
    async [Symbol.asyncDispose]() {
      await front.stop();
      await ledger.close();
      await Deno.remove(dir.root, { recursive: true });
    },
  };
}

Deno.test({
  name: "FrontProcess.apply() reloads for a change, and not for none",
  ...requires("nginx"),
  async fn() {
    await using it = await fixture("nginx");
    const before = it.pids();
    await it.front.apply({ ...it.front.config });
    assert.deepEqual(it.pids(), before, "its workers must be the same");
    await it.front.apply({ ...it.front.config, policy: "least-conn" });
    assert.notDeepEqual(it.pids(), before);
  },
});

for (const [kind, file] of [["nginx", "nginx.conf"], ["caddy", "Caddyfile"]] as const) {
  Deno.test({
    name: `FrontProcess.apply() keeps file and state when ${kind} does not accept the change`,
    ...requires(kind),
    async fn() {
      await using it = await fixture(kind);
      const { config } = it.front;
      const folder = `${it.dir.front}/front-1`;
      const text = Deno.readTextFileSync(`${folder}/${file}`);
      // Past the schema: no such address.
      const upstreams = [{ id: "gateway-1", address: "} }" }];
      await assert.rejects(it.front.apply({ ...config, upstreams }), /it must accept the change/);
      assert.deepEqual(it.front.config, config);
      assert.equal(Deno.readTextFileSync(`${folder}/${file}`), text);
      assert.ok(![...Deno.readDirSync(folder)].some(({ name }) => name.endsWith(".new")));
    },
  });
}

Deno.test({
  name: "FrontProcess.apply() leaves no folder of another balancer that does not start",
  ...requires("nginx", "caddy"),
  async fn() {
    await using it = await fixture("nginx");
    it.instanceOptions.startTimeoutMs = 1;
    await assert.rejects(it.front.apply({ ...it.front.config, kind: "caddy" }), /Cannot start/);
    assert.deepEqual([...Deno.readDirSync(it.dir.front)].map(({ name }) => name), ["front-1"]);
    assert.deepEqual([it.front.config.kind, it.front.instance.state], ["nginx", "ready"]);
  },
});
