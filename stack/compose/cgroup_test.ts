import assert from "node:assert/strict";
import { requires } from "../../testing/requires.ts";
import { readCgroup } from "./cgroup.ts";

/** Writes files below a new folder. */
async function folderOf(files: Record<string, string>): Promise<string> {
  const root = await Deno.makeTempDir({ prefix: "cgroup-" });
  await Promise.all(
    Object.entries(files).map(async ([path, text]) => {
      await Deno.mkdir(`${root}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(`${root}/${path}`, text);
    }),
  );
  return root;
}

Deno.test({
  name: "readCgroup() reads the one hierarchy of cgroup v2",
  ...requires(),
  async fn() {
    const root = await folderOf({
      "proc/7/cgroup": "0::/docker/abc\n",
      "fs/docker/abc/cgroup.procs": "7\n8\n",
      "fs/docker/abc/cpu.stat":
        "usage_usec 2500000\nuser_usec 1\nnr_periods 40\nnr_throttled 10\nthrottled_usec 700000\n",
    });
    const options = { proc: `${root}/proc`, root: `${root}/fs` };
    assert.deepEqual(readCgroup(7, options), {
      pids: [7, 8],
      cpuMs: 2500,
      periods: 40,
      throttledPeriods: 10,
      throttledMs: 700,
    });
    assert.equal(readCgroup(9, options), undefined);
    await Deno.remove(root, { recursive: true });
  },
});

Deno.test({
  name: "readCgroup() reads the controllers of cgroup v1 apart",
  ...requires(),
  async fn() {
    const root = await folderOf({
      "proc/7/cgroup": "4:cpuacct:/docker/abc\n3:cpu:/docker/abc\n1:name=systemd:/docker/abc\n",
      "fs/cpu/docker/abc/cgroup.procs": "7\n",
      "fs/cpu/docker/abc/cpu.stat": "nr_periods 5\nnr_throttled 4\nthrottled_time 3000000\n",
      "fs/cpuacct/docker/abc/cpuacct.usage": "1500000000\n",
    });
    assert.deepEqual(readCgroup(7, { proc: `${root}/proc`, root: `${root}/fs` }), {
      pids: [7],
      cpuMs: 1500,
      periods: 5,
      throttledPeriods: 4,
      throttledMs: 3,
    });
    await Deno.remove(root, { recursive: true });
  },
});
