/**
 * Every wrong flag and value of every task: one line on stderr, exit 2, nothing started.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- the loop only makes tests
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { requires } from "../testing/requires.ts";

/** Wrong arguments by task; an unknown flag, a misspelt one and a switch with a value go to all. */
const WRONG: Record<string, readonly string[]> = {
  up: [
    "--replicas 0",
    "--replicas 65",
    "--replicas many",
    "--replicas",
    "--replicas 2 --replicas 3",
    "--front apache",
    "--front",
    "--policy random",
    "--engine swarm",
    "--runtime bun",
    "--workers 0",
    "--workers 1.5",
    "--store postgres",
    "--port 65536",
    "--port -1",
    "--port http",
    "--cpus 0",
    "--cpus fast",
    "--engine process --cpus 0.5",
    "3",
  ],
  down: ["now"],
  status: ["gateway-1", "--json=yes"],
  scale: ["", "0", "65", "-1", "x", "3 4", "redis=2", "users=0", "users=", "=3", "users=1 users=2"],
  front: ["apache", "caddy nginx", "least-conn ip-hash", "caddy least-conn now", "--policy x"],
  logs: ["gateway-1 gateway-2", "--follow=yes"],
  verify: ["--front apache", "--runtime bun", "now"],
  bench: ["no-such-experiment", "--trials 0", "--trials x", "--out", "--url ftp://x"],
  test: ["no/such/path", "--filter"],
  ok: ["lint", "--yes=now"],
  setup: ["nginx"],
  doctor: ["nginx"],
};

for (const [task, cases] of Object.entries(WRONG)) {
  Deno.test({
    name: `${task} answers wrong use with one line and exit 2`,
    ...requires(),
    async fn() {
      const stateDir = await Deno.makeTempDir();
      const wrong = [...cases, "--no-such-flag", "--hepl", "--help=me"];
      await Promise.all(wrong.map(async (text) => {
        const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args: [
            "run",
            "--quiet",
            "--allow-all",
            fileURLToPath(new URL(`./${task}.ts`, import.meta.url)),
            ...text.split(" ").filter((word) => word !== ""),
          ],
          env: { STACK_DIR: stateDir, NO_COLOR: "1" },
          stdin: "null",
        }).output();
        const said = new TextDecoder().decode(stderr);
        const described = `${task} ${text}: exit ${code}, "${said}"`;
        assert.equal(code, 2, described);
        assert.match(said, /^Cannot [^\n]+, received "[^\n]*"\n$/, described);
        assert.equal(stdout.length, 0, described);
      }));
      assert.deepEqual([...Deno.readDirSync(stateDir)], [], "nothing may have been started");
      await Deno.remove(stateDir, { recursive: true });
    },
  });
}

for (const task of Object.keys(WRONG)) {
  Deno.test({
    name: `${task} --help says what it does and exits 0`,
    ...requires(),
    async fn() {
      const { code, stdout } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--quiet",
          "--allow-all",
          fileURLToPath(new URL(`./${task}.ts`, import.meta.url)),
          "--help",
        ],
        stdin: "null",
      }).output();
      assert.equal(code, 0);
      assert.ok(new TextDecoder().decode(stdout).includes(`Usage: deno task ${task}`));
    },
  });
}
