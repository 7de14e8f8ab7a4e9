/**
 * `deno task bench`: the lab. What each scaling lever buys on this machine, with raw samples, intervals and verdicts.
 *
 * Exit status: 0 when no hypothesis failed, 1 when one did or the run was interrupted, 2 on wrong use.
 *
 * @module
 */
import process from "node:process";
import { EXPERIMENTS } from "../lab/catalogue.ts";
import type { Narrowing } from "../lab/design.ts";
import type { Experiment } from "../lab/experiment.ts";
import { writeReports } from "../lab/report/write_reports.ts";
import { runExperiments } from "../lab/runner.ts";
import { PROJECT_ROOT } from "../stack/tools.ts";
import { command, main, parseValue, text, toggle, value, wholeNumber, wrongUse } from "./cli.ts";

/** The task. */
export const bench = command({
  name: "bench",
  summary: "Measure what each scaling lever buys on this machine, and write a report.",
  args: "[EXPERIMENT...]",
  maxArgs: EXPERIMENTS.length,
  passThrough: true,
  flags: {
    list: toggle("show the experiments with their factors, and do nothing"),
    quick: toggle("at most 5 minutes: fewer trials and levels, wide intervals"),
    trials: value("N", wholeNumber(1, 1_000), "trials a cell (what each experiment says)"),
    seed: value("N", wholeNumber(0, 4_294_967_295), "order of the trials (random, recorded)"),
    out: value("DIR", text(), "folder of all runs (bench-results)"),
  },
  async run({ list, quick, trials, seed, out = `${PROJECT_ROOT}bench-results` }, args) {
    if (list) return say(EXPERIMENTS.map(describe).join("\n\n"));
    const { experiments, narrowing } = chosen(args);
    const interrupted = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, () => interrupted.abort(new Error("interrupted")));
    }
    const { run, directory, results } = await runExperiments({
      experiments,
      quick,
      seed: seed ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
      ...(trials === undefined ? {} : { trials }),
      narrowing,
      out,
      command: ["deno task bench", ...process.argv.slice(2)].join(" "),
      signal: interrupted.signal,
    });
    await writeReports(directory);
    say(`Report: ${directory}/report.html`);
    const failed = results.some(({ outcome }) => outcome === "failed");
    return failed || run.status === "interrupted" ? 1 : 0;
  },
});

/** Splits what is left into names of experiments and `--factor levels`. */
function chosen(args: readonly string[]): { experiments: Experiment[]; narrowing: Narrowing } {
  const names: string[] = [];
  const narrowing: Record<string, string[]> = {};
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, factor, inline] = /^--([a-z][a-z-]*)(?:=(.*))?$/.exec(word) ?? [];
    if (factor === undefined) names.push(word);
    else narrowing[factor] = parseValue(bench, word, text(), inline ?? rest.shift()).split(",");
  }
  const experiments = names.length === 0 ? [...EXPERIMENTS] : names.map((name) => {
    const found = EXPERIMENTS.find((experiment) => experiment.name === name);
    if (found) return found;
    const known = EXPERIMENTS.map((experiment) => experiment.name).join(", ");
    throw wrongUse(bench, `the experiment must be one of ${known}`, name);
  });
  for (const [factor, levels] of Object.entries(narrowing)) {
    const having = experiments.flatMap(({ factors }) => factors).filter(({ name }) =>
      name === factor
    );
    const unknown = levels.find((level) =>
      !having.some((each) => each.levels.some((known) => String(known) === level))
    );
    if (having.length === 0) throw wrongUse(bench, "the flag must be known", `--${factor}`);
    if (unknown !== undefined) {
      const known = [...new Set(having.flatMap((each) => each.levels))].join(", ");
      throw wrongUse(bench, `--${factor} must be of ${known}`, unknown);
    }
  }
  return { experiments, narrowing };
}

function describe({ name, question, hypotheses, factors }: Experiment): string {
  return [
    `${name}: ${question}`,
    ...hypotheses.map((hypothesis) => `  claim: ${hypothesis.text}`),
    ...factors.map((factor) =>
      `  --${factor.name} ${factor.levels.join(",")}  ${factor.description}`
    ),
  ].join("\n");
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (import.meta.main) await main(bench);
