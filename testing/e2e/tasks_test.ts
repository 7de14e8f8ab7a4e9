/**
 * The tasks as a user runs them: what they print, how they exit, and that nothing is left behind.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- one task after the other is the point
import assert from "node:assert/strict";
import { killSession, readProcess } from "../../stack/process/proc.ts";
import { isPortFree } from "../../stack/process/ports.ts";
import { type StackStatus, stackStatusSchema } from "../../stack/stack.ts";
import { PROJECT_ROOT } from "../../stack/tools.ts";
import { requires } from "../requires.ts";
import { startTestStack } from "../stack.ts";
import { until } from "../until.ts";

interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** The tasks on a state directory of their own; whatever was started is gone at the end. */
class Tasks implements AsyncDisposable {
  readonly stateDir = Deno.makeTempDirSync({ prefix: "tasks-" });

  command(task: string, ...args: string[]): Deno.Command {
    // What runs is processes here, also where a Docker engine answers.
    const engine = task === "up" && !args.includes("--engine") ? ["--engine", "process"] : [];
    const script = `${PROJECT_ROOT}scripts/${task}.ts`;
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-all", script, ...engine, ...args],
      env: { STACK_DIR: this.stateDir, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  async run(task: string, ...args: string[]): Promise<Finished> {
    const { code, stdout, stderr } = await this.command(task, ...args).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  }

  async status(): Promise<StackStatus> {
    const { stdout, stderr } = await this.run("status", "--json");
    assert.equal(stderr, "");
    return stackStatusSchema.parse(JSON.parse(stdout));
  }

  supervisor(): number {
    return parseInt(Deno.readTextFileSync(`${this.stateDir}/lock`));
  }

  /** How many processes the ledger names. */
  started(): number {
    try {
      return JSON.parse(Deno.readTextFileSync(`${this.stateDir}/processes.json`)).processes.length;
    } catch {
      return 0; // not written yet
    }
  }

  /** Nothing of a stack that looked like this is there any more. */
  assertGone({ instances }: StackStatus): void {
    for (const { id, pid, address } of instances) {
      assert.equal(readProcess(pid ?? 0), undefined, `${id} must have ended`);
      assert.ok(isPortFree(Number(new URL(address).port)), `${id} must have left its port`);
    }
    const left = [...Deno.readDirSync(this.stateDir)].map(({ name }) => name).sort();
    assert.deepEqual(left, ["lock", "logs", "redis"], "data and logs stay, nothing else");
    assert.ok(
      !Deno.readDirSync(`${this.stateDir}/redis`).some(({ name }) => name.includes("conf")),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run("down");
    await Deno.remove(this.stateDir, { recursive: true });
  }
}

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
      tasks.assertGone({ instances: [] as StackStatus["instances"] } as StackStatus);
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
    tasks.assertGone({ instances: [] as StackStatus["instances"] } as StackStatus);
  },
});

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
      tasks.assertGone({ instances: [] as StackStatus["instances"] } as StackStatus);
    }
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
    const acknowledged: string[] = [];
    let stop = false;
    const place = async () => {
      while (!stop) {
        try {
          const response = await fetch(`${before.url}/api/orders`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({
              userId: "usr_000000000001",
              items: [{ sku: "a", quantity: 1, unitPriceCents: 100 }],
            }),
            signal: AbortSignal.timeout(5_000),
          });
          const { id } = await response.json();
          if (response.status === 201) acknowledged.push(id);
        } catch {
          return; // everything was killed: what follows was not acknowledged
        }
      }
    };
    const clients = Array.from({ length: 8 }, place);
    await until("200 orders", () => acknowledged.length >= 200);
    // In the middle of it, as a power cut would, but for what the kernel already has.
    Deno.kill(tasks.supervisor(), "SIGKILL");
    for (const { pid } of before.instances) {
      const leader = readProcess(pid ?? 0);
      if (leader) await killSession(leader);
    }
    stop = true;
    await Promise.all(clients);

    assert.equal((await tasks.run("up", "--detach", "--port", "0", "--replicas", "1")).code, 0);
    const { url } = await tasks.status();
    const lost: string[] = [];
    for (const id of acknowledged) {
      const response = await fetch(`${url}/api/orders/${id}`);
      await response.body?.cancel();
      if (response.status !== 200) lost.push(`${id}: ${response.status}`);
    }
    assert.deepEqual(lost, []);
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
