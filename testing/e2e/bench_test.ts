/**
 * `deno task bench` as a user runs it: what it leaves, and what it does not leave.
 *
 * @module
 */
import assert from "node:assert/strict";
import { z } from "zod";
import { experimentResultSchema, RESULTS_VERSION, runSchema } from "../../lab/results.ts";
import { fromColumns } from "../../lab/load/sample.ts";
import { samplesFileSchema, trialSchema } from "../../lab/records.ts";
import { PROJECT_ROOT } from "../../stack/tools.ts";
import { requires } from "../requires.ts";
import { until } from "../until.ts";

/** What `report.json` is documented to be. */
const reportSchema = z.strictObject({
  version: z.literal(RESULTS_VERSION),
  run: runSchema,
  experiments: z.array(experimentResultSchema),
});

/** A bench with folders of its own for results and temporary files. */
class Bench implements AsyncDisposable {
  readonly #root = Deno.makeTempDirSync({ prefix: "bench-task-" });
  readonly out = `${this.#root}/out`;
  readonly tmp = `${this.#root}/tmp`;

  constructor() {
    Deno.mkdirSync(this.tmp);
  }

  start(...args: string[]): Deno.ChildProcess {
    return new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--allow-all", `${PROJECT_ROOT}scripts/bench.ts`],
        ...[...args, "--quick", "--trials", "1", "--out", this.out],
      ],
      env: { TMPDIR: this.tmp, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  /** The folder of the one run; `undefined` before there is one. */
  run(): string | undefined {
    try {
      const [entry] = [...Deno.readDirSync(this.out)];
      return entry && `${this.out}/${entry.name}`;
    } catch {
      return undefined; // not made yet
    }
  }

  /** Processes that were given the folder for temporary files or work in it: all of the stack, and the load. */
  processes(): string[] {
    return [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name)).flatMap(
      ({ name }) => {
        // Redis writes a title over both texts, but it works where its data is.
        const told = ["cmdline", "environ", "cwd"].map((file) => {
          const path = `/proc/${name}/${file}`;
          try {
            return file === "cwd" ? Deno.readLinkSync(path) : Deno.readTextFileSync(path);
          } catch {
            return ""; // it has just ended
          }
        });
        return told.some((text) => text.includes(this.tmp)) ? [told.join(" ")] : [];
      },
    );
  }

  /** Whether `report.html`, `report.md` and `report.json` are there; what the last holds. */
  async report(said: string): Promise<z.infer<typeof reportSchema>> {
    const run = this.run();
    assert.ok(run);
    assert.ok(said.includes(`Report: ${run}/report.html\n`), said);
    const [html, markdown, json] = await Promise.all(
      ["html", "md", "json"].map((end) => Deno.readTextFile(`${run}/report.${end}`)),
    );
    assert.match(html ?? "", /^<!doctype html>[^]+<\/html>\s*$/);
    assert.match(markdown ?? "", /^# What each scaling lever bought\n/);
    const report = reportSchema.parse(JSON.parse(json ?? ""));
    assert.deepEqual(report.run, JSON.parse(await Deno.readTextFile(`${run}/run.json`)));
    return report;
  }

  assertNothingLeft(): void {
    assert.deepEqual(this.processes(), []);
    assert.deepEqual([...Deno.readDirSync(this.tmp)].map(({ name }) => name), []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#root, { recursive: true });
  }
}

async function output(child: Deno.ChildProcess): Promise<{ code: number; said: string }> {
  const { code, stdout, stderr } = await child.output();
  return { code, said: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test({
  name: "bench measures, reports as documented, exits 0 and leaves no process or temporary file",
  ...requires("nginx", "redis-server", "oha"),
  async fn() {
    await using bench = new Bench();
    const { code, said } = await output(bench.start("hop", "--path", "front alone"));
    assert.equal(code, 0, said);
    const { run, experiments } = await bench.report(said);
    assert.equal(run.status, "complete");
    assert.deepEqual(run.plannedTrials, { hop: 1 });
    const [hop] = experiments;
    assert.deepEqual([hop?.declaration.name, hop?.trials.used], ["hop", ["001"]]);
    const record = trialSchema.parse(
      JSON.parse(await Deno.readTextFile(`${bench.run()}/hop/trials/001/trial.json`)),
    );
    assert.deepEqual(record.levels.path, "front alone");
    bench.assertNothingLeft();
  },
});

Deno.test({
  name:
    "bench that is interrupted reports what is complete, exits 1 and leaves no process or temporary file",
  ...requires("nginx", "redis-server", "oha"),
  async fn() {
    await using bench = new Bench();
    const child = bench.start("failover", "--action", "policy-swap,scale");
    const finished = output(child);
    const trials = () => `${bench.run()}/failover/trials`;
    await until("the end of the first trial", () => isThere(`${trials()}/001/trial.json`), 30_000);
    await until(
      "the load of the second",
      () => bench.processes().some((told) => told.includes("prober_main")),
    );
    for (const part of ["nginx", "redis-server", "gateway/main.ts"]) {
      assert.ok(bench.processes().some((told) => told.includes(part)), `${part} must run now`);
    }
    child.kill("SIGINT");
    const { code, said } = await finished;
    assert.equal(code, 1, said);
    const { run, experiments } = await bench.report(said);
    assert.equal(run.status, "interrupted");
    assert.equal(run.plannedTrials?.failover, 2);
    const [failover] = experiments;
    assert.deepEqual([failover?.status, failover?.trials.used], ["partial", ["001"]]);
    assert.ok(!isThere(`${trials()}/002/trial.json`), "half a trial is none");
    const zipped = await Deno.open(`${trials()}/001/light.samples.json.gz`);
    const text = await new Response(zipped.readable.pipeThrough(new DecompressionStream("gzip")))
      .json();
    assert.ok(fromColumns(samplesFileSchema.parse(text)).length >= 200);
    bench.assertNothingLeft();
  },
});

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false; // not there, which is the question
  }
}
