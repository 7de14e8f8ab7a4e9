// deno-lint-ignore-file no-await-in-loop -- one case after the other
import assert from "node:assert/strict";
import { requires } from "../../testing/requires.ts";
import { until } from "../../testing/until.ts";
import {
  backoffMs,
  Instance,
  type InstanceOptions,
  type LaunchSpec,
  processesOf,
} from "./instance.ts";
import { Ledger } from "./ledger.ts";
import { LogFiles } from "../log_files.ts";
import { readProcess } from "../proc.ts";

Deno.test("backoffMs() doubles up to 5 s", () => {
  const pauses = [0, 1, 2, 5, 6, 100].map(backoffMs);
  assert.deepEqual(pauses, [100, 200, 400, 3200, 5000, 5000]);
});

interface Fixture extends AsyncDisposable {
  instance: Instance;
  ledgerPath: string;
  /** The supervisor's own. */
  logPath: string;
  ledger: () => { id: string; pid: number }[];
}

/** An instance that is a shell script; it serves as soon as it has printed "up". */
async function fixture(
  script: string,
  options: Partial<LaunchSpec> & Pick<InstanceOptions, "startTimeoutMs"> = {},
): Promise<Fixture> {
  const { startTimeoutMs = 5_000, ...spec } = options;
  const folder = await Deno.makeTempDir();
  const logs = new LogFiles(folder);
  const ledgerPath = `${folder}/processes.json`;
  const instance = new Instance({
    id: "gateway-1",
    service: "gateway",
    address: "http://127.0.0.1:1",
    command: "/bin/sh",
    args: ["-c", script],
    env: {},
    probe: () => Promise.resolve(logs.reasonOfEnd("gateway-1").endsWith("up")),
    stopTimeoutMs: 5_000,
    ...spec,
  }, { ledger: new Ledger(ledgerPath), logs, startTimeoutMs });
  return {
    instance,
    ledgerPath,
    logPath: logs.path("supervisor"),
    ledger: () => JSON.parse(Deno.readTextFileSync(ledgerPath)).processes,
    async [Symbol.asyncDispose]() {
      await instance.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test({
  name: "Instance.start() resolves when it serves; stop() ends it and its children",
  ...requires(),
  async fn() {
    await using it = await fixture('sleep 60 & trap "exit 0" TERM; echo up; wait');
    const { instance } = it;
    await instance.start();
    assert.equal(instance.state, "ready");
    const leader = instance.process;
    assert.ok(leader);
    assert.equal(readProcess(leader.pid)?.session, leader.pid, "a Ctrl-C must not reach it");
    const pids = processesOf(instance).map(({ pid }) => pid);
    assert.equal(pids.length, 2);
    assert.deepEqual(it.ledger().map(({ id, pid }) => [id, pid]), [["gateway-1", leader.pid]]);

    await instance.stop();
    assert.equal(instance.state, "stopped");
    assert.equal(instance.process, undefined);
    assert.deepEqual(pids.map(readProcess), [undefined, undefined]);
    assert.deepEqual(it.ledger(), []);
  },
});

Deno.test({
  name: "Instance starts again after kill -9, and leaves no child of the old life",
  ...requires(),
  async fn() {
    await using it = await fixture("sleep 60 & echo up; wait");
    const { instance } = it;
    await instance.start();
    const first = processesOf(instance).map(({ pid }) => pid);
    assert.ok(instance.signal("SIGKILL"));
    await until("a restart", () => instance.restarts === 1);
    assert.deepEqual(first.map(readProcess), [undefined, undefined]);
    await until("it to serve again", () => instance.state === "ready");
    assert.ok(!first.includes(instance.process?.pid ?? NaN));
    assert.equal(instance.spec.id, "gateway-1");
  },
});

Deno.test({
  name: "Instance starts again although nothing could be written at first",
  ...requires(),
  async fn() {
    await using it = await fixture("echo up; sleep 60");
    const { instance } = it;
    await instance.start();
    // Folders are where files should be written: the ledger before it is replaced, and the supervisor's log.
    const inTheWay = [`${it.ledgerPath}.new`, it.logPath];
    for (const path of inTheWay) Deno.mkdirSync(path);
    instance.signal("SIGKILL");
    await until("a second restart", () => instance.restarts === 2);
    for (const path of inTheWay) Deno.removeSync(path);
    await until("it to serve again", () => instance.state === "ready");
    assert.deepEqual(it.ledger().map(({ pid }) => pid), [instance.process?.pid]);
  },
});

Deno.test({
  name: "Instance.start() rejects with the last line when it ends before it serves",
  ...requires(),
  async fn() {
    const cases: [options: Partial<LaunchSpec>, message: RegExp][] = [
      [{ args: ["-c", "echo first; echo port is taken >&2; exit 1"] }, /"port is taken"$/],
      [{ command: "/no/such/program" }, /not found"$/],
      [{ args: ["-c", "exit 1"] }, /nothing in its log"$/],
    ];
    for (const [options, message] of cases) {
      await using it = await fixture("", options);
      await assert.rejects(it.instance.start(), { name: "StackError", message });
      assert.equal(it.instance.state, "failed");
      assert.deepEqual(it.ledger(), []);
    }
  },
});

Deno.test({
  name: "Instance.start() rejects when it does not serve in time",
  ...requires(),
  async fn() {
    await using it = await fixture("echo waiting; sleep 60", { startTimeoutMs: 50 });
    await assert.rejects(it.instance.start(), { message: /received "waiting"$/ });
    assert.deepEqual(it.ledger(), []);
  },
});

Deno.test({
  name: "Instance.stop() kills what ignores the signal, and thaws what is frozen",
  ...requires(),
  async fn() {
    await using deaf = await fixture('trap "" TERM; echo up; while :; do sleep 1; done', {
      stopTimeoutMs: 50,
    });
    await deaf.instance.start();
    await deaf.instance.stop();
    assert.equal(deaf.instance.process, undefined);

    await using frozen = await fixture("echo up; sleep 60");
    await frozen.instance.start();
    frozen.instance.signal("SIGSTOP");
    await frozen.instance.stop();
    assert.equal(frozen.instance.process, undefined);
  },
});

Deno.test({
  name: "Instance.stop() ends a start that is under way",
  ...requires(),
  async fn() {
    await using it = await fixture("sleep 60");
    const started = assert.rejects(it.instance.start(), { message: /stopped before it served/ });
    await it.instance.stop();
    await started;
    assert.equal(it.instance.restarts, 0);
  },
});

Deno.test({
  name: "Instance holds open nothing but its log",
  ...requires(),
  async fn() {
    await using it = await fixture("echo up; sleep 60");
    await it.instance.start();
    const pid = it.instance.process?.pid;
    const open = [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => Number(name));
    assert.deepEqual(open.filter((descriptor) => descriptor < 10).sort(), [0, 1, 2]);
  },
});
