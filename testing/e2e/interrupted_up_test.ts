/**
 * `up` when whoever started it interrupts it, closes its output or is killed: nothing is left running.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- reading on is the point
import assert from "node:assert/strict";
import { readProcess } from "../../stack/proc.ts";
import { requires } from "../requires.ts";
import { Tasks } from "../tasks.ts";
import { until } from "../until.ts";

const WHOLE = requires("nginx", "caddy", "redis-server");

for (const end of ["SIGINT", "SIGTERM", "SIGHUP", "a closed pipe"] as const) {
  Deno.test({
    name: `an attached up that gets ${end} stops everything and exits 0`,
    ...WHOLE,
    async fn() {
      await using tasks = new Tasks();
      const up = tasks.command("up", "--port", "0", "--replicas", "1").spawn();
      const stderr = new Response(up.stderr).text();
      const reader = up.stdout.pipeThrough(new TextDecoderStream()).getReader();
      // First the table, then, because it is attached, the logs.
      for (let said = ""; !/Ready at[^]*"msg":"listening"/.test(said);) {
        const { value, done } = await reader.read();
        assert.ok(!done, said);
        said += value;
      }
      const status = await tasks.status();
      if (end === "a closed pipe") {
        await reader.cancel();
        await fetch(`${status.url}/api/metrics`); // makes it say something
      } else {
        up.kill(end);
        while (!(await reader.read()).done);
      }
      const { code } = await up.status;
      assert.deepEqual([code, await stderr], [0, ""]);
      tasks.assertGone(status);
    },
  });
}

for (const how of ["an attached up", "up --detach"]) {
  Deno.test({
    name: `${how} that is interrupted while it starts leaves nothing and exits 1`,
    ...WHOLE,
    async fn() {
      await using tasks = new Tasks();
      const detach = how.endsWith("--detach") ? ["--detach"] : [];
      const up = tasks.command("up", "--port", "0", ...detach).spawn();
      const output = Promise.all([new Response(up.stdout).text(), new Response(up.stderr).text()]);
      // Redis is there and something is being started behind it.
      await until("the first processes", () => tasks.started() > 2);
      up.kill("SIGINT");
      const { code } = await up.status;
      const [, stderr] = await output;
      assert.deepEqual([code, stderr], [1, "Cannot start the stack: it was told to stop\n"]);
      tasks.assertGone();
    },
  });
}

Deno.test({
  name: "a detached supervisor that nobody waits for any more stops what it started",
  ...WHOLE,
  async fn() {
    await using tasks = new Tasks();
    const up = tasks.command("up", "--detach", "--port", "0", "--replicas", "1").spawn();
    await until("the first processes", () => tasks.started() > 1);
    const supervisor = tasks.supervisor();
    up.kill("SIGKILL");
    await Promise.all([up.stdout.cancel(), up.stderr.cancel(), up.status]);
    await until("the supervisor to end", () => !readProcess(supervisor), 30_000);
    tasks.assertGone();
  },
});
