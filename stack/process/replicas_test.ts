// deno-lint-ignore-file no-await-in-loop -- cases and turns one after the other
import assert from "node:assert/strict";
import { requires } from "../../testing/requires.ts";
import { stackOptionsSchema } from "../stack.ts";
import { Instance } from "./instance.ts";
import { Ledger } from "./ledger.ts";
import { LogFiles } from "../log_files.ts";
import { readProcess } from "../proc.ts";
import { Replicas } from "./replicas.ts";
import { stateDir } from "../supervisor/state_dir.ts";

interface Fixture extends AsyncDisposable {
  replicas: Replicas;
  ids: () => string[];
  /** Of the processes that the ledger names. */
  running: () => string[];
}

/** Two gateways that do nothing but sleep. */
async function fixture(): Promise<Fixture> {
  const dir = stateDir(await Deno.makeTempDir());
  Deno.mkdirSync(dir.logs);
  const logs = new LogFiles(dir.logs);
  const ledger = new Ledger(dir.ledger);
  const options = stackOptionsSchema.parse({});
  const replicas = new Replicas({
    launch: { options, dir, runtime: ["unused"], runId: "1", redisUrl: undefined },
    counts: { gateway: 2, users: 1, orders: 1, payments: 1 },
    createInstance: (spec) =>
      new Instance({
        ...spec,
        command: "/bin/sleep",
        args: ["60"],
        env: {},
        probe: () => Promise.resolve(true),
      }, { ledger, logs }),
  });
  await replicas.start("gateway");
  return {
    replicas,
    ids: () => replicas.of("gateway").map(({ spec }) => spec.id),
    running: () =>
      (JSON.parse(Deno.readTextFileSync(dir.ledger)).processes as { id: string; pid: number }[])
        .filter(({ pid }) => readProcess(pid)).map(({ id }) => id).sort(),
    async [Symbol.asyncDispose]() {
      await replicas.stop();
      await ledger.close();
      await Deno.remove(dir.root, { recursive: true });
    },
  };
}

for (const count of [1, 3]) {
  Deno.test({
    name: `Replicas.scale() from 2 to ${count} changes nothing when the front does not follow`,
    ...requires(),
    async fn() {
      await using it = await fixture();
      const announce = () => Promise.reject(new Error("its workers must be new"));
      await assert.rejects(it.replicas.scale("gateway", count, announce), /must be new/);
      assert.deepEqual(it.ids(), ["gateway-1", "gateway-2"]);
      assert.deepEqual(it.running(), ["gateway-1", "gateway-2"]);
      await it.replicas.stop();
      assert.deepEqual(it.running(), [], "none may be forgotten");
    },
  });
}

Deno.test({
  name: "Replicas.of() shows a replica that has left the front as draining until it is gone",
  ...requires(),
  async fn() {
    await using it = await fixture();
    const [, leaving] = it.replicas.of("gateway");
    const scaled = it.replicas.scale("gateway", 1, () => Promise.resolve());
    while (it.ids().length === 2 || leaving?.state === "ready") await Promise.resolve();
    const shown = it.replicas.of().filter(({ state }) => state === "draining");
    assert.deepEqual(shown.map(({ spec }) => spec.id), ["gateway-2"]);
    await scaled;
    assert.deepEqual(it.ids(), ["gateway-1"]);
    assert.ok(!it.replicas.of().some((each) => each === leaving));
  },
});
