import assert from "node:assert/strict";
import { requires } from "../testing/requires.ts";
import { killSession, parseStat, readMemory, readProcess, sessionMembers } from "./proc.ts";

Deno.test("parseStat() reads session, CPU and start time whatever the name holds", () => {
  const rest = "S 10 42 42 0 -1 4194560 110 0 1 0 7 5 0 0 20 0 1 0 90069 2990080 432";
  for (const name of ["sleep", "a b", "a) S 1 2 3", "((", ""]) {
    assert.deepEqual(parseStat(`42 (${name}) ${rest}`), {
      pid: 42,
      session: 42,
      startTime: 90069,
      cpuTicks: 12,
    });
  }
});

Deno.test("parseStat() takes a zombie for gone", () => {
  assert.equal(parseStat("42 (sleep) Z 10 42 42 0 -1 0 0 0 0 0 7 5 0 0 20 0 1 0 90069"), undefined);
  assert.equal(parseStat("rubbish"), undefined);
});

Deno.test({
  name: "sessionMembers() finds descendants after their leader is gone, killSession() ends them",
  ...requires(),
  async fn() {
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", "sleep 60 >/dev/null & echo $!; read _"],
      detached: true,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const leader = readProcess(child.pid);
    assert.ok(leader);
    const { value } = await child.stdout.getReader().read();
    const orphan = Number(new TextDecoder().decode(value));
    await child.stdin.close();
    await child.status;
    assert.deepEqual(sessionMembers(leader).map(({ pid }) => pid), [orphan]);
    // Somebody else's session that was given the same number must be left alone.
    const later = { pid: leader.pid, startTime: leader.startTime + 1_000_000 };
    assert.equal(await killSession(later), 0);
    assert.equal(await killSession(leader), 1);
    assert.equal(readProcess(orphan), undefined);
  },
});

Deno.test({
  name: "readMemory() weighs this process and not one that is gone",
  ...requires(),
  fn() {
    const memory = readMemory(Deno.pid);
    assert.ok(memory);
    assert.ok(memory.pssBytes > 2 ** 20 && memory.pssBytes <= memory.rssBytes);
    assert.equal(readMemory(2 ** 22 + 1), undefined);
  },
});
