// deno-lint-ignore-file no-await-in-loop -- one case after the other
import assert from "node:assert/strict";
import { requires } from "../../testing/requires.ts";
import { Ledger, sweepLedger } from "./ledger.ts";
import { readProcess } from "../proc.ts";

function sleeper(): Deno.ChildProcess {
  return new Deno.Command("/bin/sleep", { args: ["60"], detached: true, stdin: "null" }).spawn();
}

Deno.test({
  name: "sweepLedger() ends what a dead supervisor left, and only that",
  ...requires(),
  async fn() {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/processes.json`;
    const [ours, other] = [sleeper(), sleeper()];
    new Ledger(path).add("gateway-1", ours.pid);

    // A process id of ours that meanwhile belongs to somebody else: other start time.
    const ledger = JSON.parse(await Deno.readTextFile(path));
    ledger.processes.push({ id: "users-1", pid: other.pid, startTime: 1 });
    await Deno.writeTextFile(path, JSON.stringify(ledger));

    assert.deepEqual(await sweepLedger(path), ["gateway-1"]);
    assert.equal(readProcess(ours.pid), undefined);
    assert.ok(readProcess(other.pid));
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    assert.deepEqual(await sweepLedger(path), [], "safe to repeat");

    other.kill("SIGKILL");
    await Promise.all([ours.status, other.status]);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name: "sweepLedger() kills nothing after a reboot or when the file is torn",
  ...requires(),
  async fn() {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/processes.json`;
    const process = sleeper();
    new Ledger(path).add("gateway-1", process.pid);
    const text = await Deno.readTextFile(path);
    for (
      const left of [text.replace(/"bootId":"[^"]*"/, '"bootId":"another"'), text.slice(0, 30)]
    ) {
      await Deno.writeTextFile(path, left);
      assert.deepEqual(await sweepLedger(path), []);
      assert.ok(readProcess(process.pid));
    }
    process.kill("SIGKILL");
    await process.status;
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name: "Ledger forgets a process that is gone and removes itself at the end",
  ...requires(),
  async fn() {
    const folder = await Deno.makeTempDir();
    const ledger = new Ledger(`${folder}/processes.json`);
    const process = sleeper();
    const entry = ledger.add("redis", process.pid);
    assert.ok(entry);
    process.kill("SIGKILL");
    await process.status;
    assert.equal(ledger.add("redis", process.pid), undefined, "it has already ended");
    ledger.remove(entry);
    assert.deepEqual(JSON.parse(await Deno.readTextFile(`${folder}/processes.json`)).processes, []);
    await ledger.close();
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    await Deno.remove(folder);
  },
});

Deno.test({
  name: "Ledger.close() ends what nobody stopped",
  ...requires(),
  async fn() {
    const folder = await Deno.makeTempDir();
    const ledger = new Ledger(`${folder}/processes.json`);
    const process = sleeper();
    ledger.add("gateway-2", process.pid);
    await ledger.close();
    const gone = readProcess(process.pid) === undefined;
    if (!gone) process.kill("SIGKILL");
    await process.status;
    assert.ok(gone);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    await Deno.remove(folder);
  },
});
