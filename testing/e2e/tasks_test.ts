/**
 * The tasks as a user runs them: what they print, how they exit, and that nothing is left behind.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- one case after the other
import assert from "node:assert/strict";
import { requires } from "../requires.ts";
import { Tasks } from "../tasks.ts";

const WHOLE = requires("nginx", "caddy", "redis-server");

Deno.test({
  name:
    "up --detach, status, scale, front, logs and down do what they say; a second up changes nothing",
  ...WHOLE,
  async fn() {
    await using tasks = new Tasks();
    const started = performance.now();
    const up = await tasks.run("up", "--detach", "--port", "0", "--replicas", "3");
    const readyMs = performance.now() - started;
    assert.equal(up.code, 0, up.stderr);
    const [, url = ""] = /Ready at (http:\/\/127\.0\.0\.1:\d+)/.exec(up.stdout) ?? [];
    const first = await tasks.status();
    assert.equal(first.url, url);
    assert.deepEqual([first.engine, first.front, first.policy], [
      "process",
      "nginx",
      "round-robin",
    ]);
    const gateways = ["gateway-1", "gateway-2", "gateway-3"];
    const ids = [...gateways, "users-1", "orders-1", "payments-1", "redis", "front"];
    assert.deepEqual(first.instances.map(({ id }) => id), ids);
    for (const { id, address, state, pssBytes, rssBytes, restarts } of first.instances) {
      assert.match(address, /^http:\/\/127\.0\.0\.1:\d+$/, id);
      assert.deepEqual([state, restarts], ["ready", 0], id);
      assert.ok((pssBytes ?? 0) > 0 && (pssBytes ?? 0) <= (rssBytes ?? 0), id);
      assert.ok(up.stdout.includes(id), "the table names it");
    }
    const { mode } = Deno.statSync(`${tasks.stateDir}/control.sock`);
    assert.equal((mode ?? 0) & 0o777, 0o600);
    assert.equal((Deno.statSync(`${tasks.stateDir}/jwt.secret`).mode ?? 0) & 0o777, 0o600);

    const second = await tasks.run("up", "--front", "caddy", "--replicas", "5");
    assert.equal(second.code, 0);
    assert.match(second.stdout, /^Already running at http.*nothing changed\n$/);
    assert.deepEqual(
      (await tasks.status()).instances.map(({ id, pid }) => [id, pid]),
      first.instances.map(({ id, pid }) => [id, pid]),
    );

    assert.equal((await tasks.run("scale", "4")).stdout, "Scaled gateway=4\n");
    assert.equal((await tasks.run("scale", "gateway=1", "users=2")).code, 0);
    assert.equal(
      (await tasks.run("front", "caddy", "least-conn")).stdout,
      `caddy least-conn ${url}\n`,
    );
    const changed = await tasks.status();
    assert.deepEqual([changed.front, changed.policy, changed.url], ["caddy", "least-conn", url]);
    assert.deepEqual(
      changed.instances.map(({ id }) => id),
      ["gateway-1", "users-1", "users-2", "orders-1", "payments-1", "redis", "front"],
    );
    assert.equal((await fetch(`${url}/api/users`)).status, 200);

    const all = (await tasks.run("logs")).stdout.trimEnd().split("\n").map((text) =>
      JSON.parse(text)
    );
    assert.ok(all.some(({ instance, msg }) => instance === "users-2" && msg === "listening"));
    const one = (await tasks.run("logs", "orders-1")).stdout.trimEnd().split("\n");
    assert.ok(one.length > 0 && one.every((text) => JSON.parse(text).instance === "orders-1"));

    const down = await tasks.run("down");
    assert.deepEqual([down.code, down.stdout], [0, "Stopped\n"]);
    tasks.assertGone(changed);
    assert.deepEqual(await tasks.run("down"), { code: 0, stdout: "Nothing runs\n", stderr: "" });

    const pssBytes = first.instances.reduce((sum, each) => sum + (each.pssBytes ?? 0), 0);
    const described = `ready in ${readyMs.toFixed(0)} ms, ${(pssBytes / 1e6).toFixed(0)} MB PSS`;
    // deno-lint-ignore no-console -- the figures are what the reader wants
    console.log(described);
    assert.ok(pssBytes <= 300e6, described);
  },
});

Deno.test({
  name: "up says in one line that its port is taken, and leaves nothing",
  ...WHOLE,
  async fn() {
    await using tasks = new Tasks();
    // Also by one who would share it: half of the requests would be lost there.
    for (const reusePort of [false, true]) {
      using taken = Deno.listen({ hostname: "127.0.0.1", port: 0, reusePort });
      const port = `${taken.addr.port}`;
      const { code, stdout, stderr } = await tasks.run("up", "--detach", "--port", port);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.equal(
        stderr,
        `Cannot start the stack: the port must be free (choose another with --port), received "${port}"\n`,
      );
      tasks.assertGone();
    }
  },
});
