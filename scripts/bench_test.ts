import assert from "node:assert/strict";
import process from "node:process";
import { EXPERIMENTS } from "../lab/catalogue.ts";
import { requires } from "../testing/requires.ts";
import { bench } from "./bench.ts";
import { execute } from "./cli.ts";

/** Runs the task and collects what it prints. */
async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const printed = { out: "", err: "" };
  const { stdout, stderr } = process;
  const [writeOut, writeErr] = [stdout.write, stderr.write];
  stdout.write = (text: string | Uint8Array) => (printed.out += text) !== "";
  stderr.write = (text: string | Uint8Array) => (printed.err += text) !== "";
  try {
    return { code: await execute(bench, args), ...printed };
  } finally {
    stdout.write = writeOut;
    stderr.write = writeErr;
  }
}

const WRONG: readonly [args: string[], line: RegExp][] = [
  [["nope"], /the experiment must be one of cpu-block, .*, received "nope"$/],
  [["cpu-block", "--nope", "1"], /the flag must be known, received "--nope"$/],
  [["cpu-block", "--policy", "foo"], /--policy must be of round-robin, .*, received "foo"$/],
  [["cpu-block", "--replicas", "1,2"], /--replicas must be of 1, 3, received "2"$/],
  [["cpu-block", "--replicas"], /--replicas must have a value/],
  // A factor that exists, but not here.
  [["runtime", "--policy", "least-conn"], /--policy must be a factor of the experiment/],
  // Only containers have a quota, and the claims are of one.
  [["policies", "--cpus", "0.2"], /--cpus must be a factor of the experiment/],
  [["scale-out", "--cpus", "0.2,0.5"], /--cpus takes one quota, received "0.2,0.5"$/],
  // Which is the experiment quota: it knows other quotas than this.
  [["scale-out", "--cpus", "3"], /--cpus must be of 0.1, 0.2, 0.25, 0.5, received "3"$/],
  // Layers of the gateway matter where there is a gateway.
  [["hop", "--path", "service", "--off", "coalesce"], /must leave hop a cell/],
  [["--trials", "0"], /--trials must be a whole number from 1 to 1000, received "0"$/],
  [["--seed", "-1"], /--seed must be a whole number/],
  [["--url", "https://example.org"], /--url must be an http:\/\/ URL/],
  [["--url", "http://127.0.0.1:1/", "cpu-block"], /--url takes no experiment or factor/],
  // Nobody listens on port 1.
  [["--url", "http://127.0.0.1:1/"], /must answer a GET with a status of 200 to 299, received/],
  [["--compare", "a"], /--compare takes two folders of runs, received "a"$/],
  [["--compare", "a", "b", "c"], /--compare takes two folders of runs, received "c"$/],
  [["--compare", "/nowhere/a", "/nowhere/b"], /the folder must hold a run/],
  [["--handicap", "0"], /--handicap must be a whole number/],
  [["--url", "http://127.0.0.1:1/", "--handicap", "9"], /--url takes no --handicap, received "9"$/],
  [["--report", "/nowhere"], /the folder must hold a run, received "\/nowhere"$/],
];
for (const [args, line] of WRONG) {
  Deno.test({
    name: `bench ${args.join(" ")} is one line and exit 2`,
    ...requires("oha"),
    fn: async () => {
      const { code, out, err } = await run(...args);
      assert.equal(code, 2);
      assert.equal(out, "");
      assert.match(err.trimEnd(), /^Cannot run bench: [^\n]+$/);
      assert.match(err.trimEnd(), line);
    },
  });
}

Deno.test("bench --list shows every experiment with its claims and factors", async () => {
  const { code, out } = await run("--list");
  assert.equal(code, 0);
  for (const { name, hypotheses, factors } of EXPERIMENTS) {
    assert.ok(out.includes(`${name}: `));
    assert.ok(hypotheses.every(({ text }) => out.includes(text)));
    assert.ok(factors.every((factor) => out.includes(`--${factor.name} `)));
  }
});

Deno.test({
  name: "bench --url measures any service, --report computes it again, --compare compares it",
  ...requires("oha"),
  fn: measureAny,
});

async function measureAny(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "bench-test-" });
  // Every answer takes 5 ms of the loop: it follows 152/s and not the next rate, 228/s.
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    const end = performance.now() + 5;
    while (performance.now() < end);
    return new Response("ok");
  });
  try {
    const url = `http://127.0.0.1:${server.addr.port}/`;
    const measured = await run("--url", url, "--quick", "--trials", "2", "--out", folder);
    assert.ok(measured.code < 2, measured.err);
    const [entry] = await Array.fromAsync(Deno.readDir(folder));
    const directory = `${folder}/${entry?.name}`;
    const before = await Deno.readTextFile(`${directory}/sweep/experiment.json`);
    const { metrics, warnings } = JSON.parse(before);
    const knee = metrics.find(({ name }: { name: string }) => name === "knee")?.value.estimate;
    assert.ok(knee >= 20 && knee <= 200, `${knee} ${JSON.stringify(warnings)}`);
    await Deno.remove(`${directory}/report.html`);
    assert.ok((await run("--report", directory)).code < 2);
    assert.ok((await Deno.stat(`${directory}/report.html`)).size > 1_000);
    assert.equal(await Deno.readTextFile(`${directory}/sweep/experiment.json`), before);
    const compared = await run("--compare", directory, directory);
    assert.equal(compared.code, 0);
    assert.match(compared.out, /^0 of \d+ measures changed beyond noise/);
  } finally {
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
}
