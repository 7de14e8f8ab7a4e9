/**
 * Deaths of what everything depends on (supervisor, control socket, front, the whole machine): what is
 * left is one clear line or comes back, and what was acknowledged is there.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- one task after the other is the point
import assert from "node:assert/strict";
import { killSession, readProcess } from "../../stack/proc.ts";
import { startOrderWriters, unreadable } from "../order_writers.ts";
import { requires } from "../requires.ts";
import { startTestStack } from "../stack.ts";
import { Tasks } from "../tasks.ts";
import { until } from "../until.ts";

const WHOLE = requires("nginx", "caddy", "redis-server");

Deno.test({
  name: "a killed supervisor is one clear line, and down or the next up leaves nothing of it",
  ...WHOLE,
  async fn() {
    await using tasks = new Tasks();
    for (const cleanUp of ["down", "up"] as const) {
      assert.equal((await tasks.run("up", "--detach", "--port", "0", "--replicas", "1")).code, 0);
      const status = await tasks.status();
      Deno.kill(tasks.supervisor(), "SIGKILL");
      await until("the supervisor to be gone", () => !readProcess(tasks.supervisor()));
      // Nobody is disturbed: what it started goes on without it.
      assert.equal((await fetch(`${status.url}/api/users`)).status, 200);
      for (const args of [["status"], ["scale", "2"], ["front", "caddy"], ["logs"]]) {
        const [task = "", ...rest] = args;
        const { code, stdout, stderr } = await tasks.run(task, ...rest);
        assert.deepEqual([code, stdout], [2, ""], task);
        assert.match(stderr, /^Cannot reach the stack: its supervisor must live .*down.*\n$/);
      }
      if (cleanUp === "up") {
        const up = await tasks.run("up", "--detach", "--port", "0", "--replicas", "1");
        assert.equal(up.code, 0, up.stderr);
        for (const { id, pid } of status.instances) {
          assert.equal(readProcess(pid ?? 0), undefined, id);
        }
        continue;
      }
      const down = await tasks.run("down");
      assert.deepEqual([down.code, down.stdout], [
        0,
        "Cleaned up what a killed supervisor left\n",
      ]);
      tasks.assertGone(status);
    }
  },
});

Deno.test({
  name: "a dead control socket is one clear line, and down still stops everything",
  ...WHOLE,
  async fn() {
    await using tasks = new Tasks();
    assert.equal((await tasks.run("up", "--detach", "--port", "0", "--replicas", "1")).code, 0);
    const status = await tasks.status();
    Deno.removeSync(`${tasks.stateDir}/control.sock`);
    Deno.writeTextFileSync(`${tasks.stateDir}/control.sock`, "");
    const { code, stderr } = await tasks.run("status");
    assert.equal(code, 2);
    assert.match(stderr, /^Cannot reach the stack: its supervisor must answer .*down.*\n$/);
    assert.equal((await tasks.run("down")).code, 0);
    tasks.assertGone(status);
  },
});

Deno.test({
  name:
    "after a power cut (another boot, torn files, stale socket) up starts as if nothing had been",
  ...WHOLE,
  async fn() {
    await using tasks = new Tasks();
    Deno.writeTextFileSync(`${tasks.stateDir}/lock`, "1\n");
    Deno.writeTextFileSync(`${tasks.stateDir}/upstreams.json`, '{"users":["http');
    // A process id that now belongs to somebody else: this test.
    const processes = [{ id: "gateway-1", pid: Deno.pid, startTime: 1 }];
    const ledger = JSON.stringify({ bootId: "before", processes });
    Deno.writeTextFileSync(`${tasks.stateDir}/processes.json`, ledger);
    Deno.listen({ transport: "unix", path: `${tasks.stateDir}/control.sock` }).close();

    const { code, stderr } = await tasks.run("status");
    assert.deepEqual([code, stderr.trim().split("\n").length], [2, 1]);
    const up = await tasks.run("up", "--detach", "--port", "0", "--replicas", "1");
    assert.equal(up.code, 0, up.stderr);
    assert.ok(readProcess(Deno.pid));
  },
});

Deno.test({
  name: "orders that were acknowledged before a kill -9 of everything are there after a fresh up",
  ...WHOLE,
  async fn() {
    await using tasks = new Tasks();
    assert.equal((await tasks.run("up", "--detach", "--port", "0", "--replicas", "2")).code, 0);
    const before = await tasks.status();
    const shared = async (url: string) =>
      (await (await fetch(`${url}/api/count/shared`)).json()).count;
    assert.deepEqual([await shared(before.url), await shared(before.url)], [1, 2]);
    const writers = startOrderWriters(before.url, 8);
    await until("200 orders", () => writers.acknowledged.length >= 200);
    // In the middle of it, as a power cut would, but for what the kernel already has.
    Deno.kill(tasks.supervisor(), "SIGKILL");
    for (const { pid } of before.instances) {
      const leader = readProcess(pid ?? 0);
      if (leader) await killSession(leader);
    }
    await writers.stop();

    assert.equal((await tasks.run("up", "--detach", "--port", "0", "--replicas", "1")).code, 0);
    const { url } = await tasks.status();
    assert.deepEqual(await unreadable(url, writers.acknowledged), []);
    assert.equal(await shared(url), 1, "the demonstration's counter counts this run");
  },
});

for (const kind of ["nginx", "caddy"] as const) {
  Deno.test({
    name: `${kind} that was killed comes back by itself, with the changes made meanwhile`,
    ...requires(kind, "redis-server"),
    async fn() {
      await using stack = await startTestStack({ replicas: 1, front: kind });
      await stack.kill("front", "SIGKILL");
      await stack.scale({ gateway: 2 });
      const seen = new Set<string>();
      await until("both replicas to be used", async () => {
        const headers = { connection: "close" };
        const response = await fetch(`${stack.url}/api/count`, { headers });
        seen.add((await response.json()).instance);
        return seen.size === 2;
      });
      const front = (await stack.status()).instances.find(({ id }) => id === "front");
      assert.deepEqual([front?.state, front?.restarts], ["ready", 1]);
    },
  });
}
