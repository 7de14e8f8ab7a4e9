/**
 * `deno task bench`: the lab. What each scaling lever buys on this machine, with raw samples, intervals and verdicts.
 *
 * Exit status: 0 when no hypothesis failed, 1 when one did or the run was interrupted, 2 on wrong use.
 *
 * @module
 */
import process from "node:process";
import { z } from "zod";
import { EXPERIMENTS } from "../lab/catalogue.ts";
import { comparisonLines } from "../lab/compare.ts";
import { cellsOf, chooseLevels, type Narrowing } from "../lab/design.ts";
import type { Experiment } from "../lab/experiment.ts";
import { compareRunFolders, publishRun, regenerateRun } from "../lab/finished_run.ts";
import { writeReports } from "../lab/report/write_reports.ts";
import { EXPERIMENT_ERROR, runExperiments } from "../lab/runner.ts";
import { sweepOf } from "../lab/sweep.ts";
import { StackError } from "../stack/stack.ts";
import { findTool, PROJECT_ROOT } from "../stack/tools.ts";
import { command, main, parseValue, text, toggle, value, wholeNumber, wrongUse } from "./cli.ts";

const address = z.url({ protocol: /^http$/, error: "must be an http:// URL" });

/** What a quick run plans with, so that it ends within five minutes on two cores, report included. */
const QUICK_SECONDS = 285;

/** The task. */
export const bench = command({
  name: "bench",
  summary: "Measure what each scaling lever buys on this machine, and write a report.\n\n" +
    "Every factor of an experiment is a flag that narrows it: bench cpu-block --replicas 1,3 --policy least-conn\n" +
    "bench scale-out --cpus 0.2 scales containers with a CPU quota (the experiment quota)",
  args: "[EXPERIMENT...]",
  passThrough: true,
  flags: {
    list: toggle("show the experiments with their claims and factors, and do nothing"),
    quick: toggle("at most 5 minutes: fewer trials and levels, wide intervals"),
    trials: value("N", wholeNumber(1, 1_000), "trials a cell (what each experiment says)"),
    seed: value(
      "N",
      wholeNumber(0, 4_294_967_295),
      "order of the trials and what they draw (random, recorded)",
    ),
    out: value("DIR", text(), "folder of all runs (bench-results)"),
    url: value("URL", address, "measure a service of your own instead: rate sweep and latencies"),
    report: value("DIR", text(), "compute a run's results and reports again from its samples"),
    handicap: value(
      "US",
      wholeNumber(1, 1_000_000),
      "burn so many µs of CPU in the gateway for each request: a check that --compare notices",
    ),
    readme: value("DIR", text(), "put the results of a complete full run into README.md"),
    compare: toggle("say what changed between two runs beyond noise: bench --compare A B"),
  },
  async run({ list, compare, report, readme, url, ...rest }, args) {
    if (list) return say(EXPERIMENTS.map(describe).join("\n\n"));
    if (compare) return await compareTwo(args);
    if (report !== undefined || readme !== undefined) {
      const flag = report === undefined ? "--readme" : "--report";
      if (args[0] !== undefined) throw wrongUse(bench, `${flag} takes one folder`, args[0]);
    }
    if (report !== undefined) {
      const { failed } = await regenerateRun(report);
      say(`Report: ${report}/report.html`);
      return failed ? 1 : 0;
    }
    if (readme !== undefined) {
      await publishRun(readme, `${PROJECT_ROOT}README.md`);
      say(`The results of ${readme} are in README.md`);
      return 0;
    }
    const what = chosen(args, { url, quick: rest.quick });
    if (url !== undefined && rest.handicap !== undefined) {
      throw wrongUse(bench, "--url takes no --handicap", String(rest.handicap));
    }
    if (url !== undefined) await mustAnswer(url);
    return await measure({ ...what, ...rest });
  },
});

/** A service that does not answer one request needs no sweep. */
async function mustAnswer(url: string): Promise<void> {
  const received = await fetch(url, { signal: AbortSignal.timeout(10_000) }).then(
    async (response) => {
      await response.body?.cancel();
      return response.ok ? null : `status ${response.status}`;
    },
    (error) => error instanceof Error ? error.message : String(error),
  );
  if (received === null) return;
  throw wrongUse(bench, `${url} must answer a GET with a status of 200 to 299`, received);
}

interface Measurement {
  experiments: Experiment[];
  narrowing: Narrowing;
  quick: boolean;
  trials: number | undefined;
  seed: number | undefined;
  out: string | undefined;
  handicap: number | undefined;
}

async function measure({ trials, seed, out, handicap, ...what }: Measurement): Promise<number> {
  const oha = findTool("oha");
  if (!oha.present) throw new StackError(`Cannot run bench: ${oha.reason}; run "deno task setup"`);
  const interrupted = new AbortController();
  const stop = () => interrupted.abort(new Error("interrupted"));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, stop);
  }
  const { run, directory, results } = await runExperiments({
    ...what,
    seed: seed ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
    ...(trials === undefined ? {} : { trials }),
    ...(handicap === undefined ? {} : { handicapUs: handicap }),
    ...(what.quick ? { budgetSeconds: QUICK_SECONDS } : {}),
    out: out ?? `${PROJECT_ROOT}bench-results`,
    command: ["deno task bench", ...process.argv.slice(2)].join(" "),
    signal: interrupted.signal,
  });
  await writeReports(directory);
  say(`Report: ${directory}/report.html`);
  const failed = results.some(({ outcome }) => outcome === "failed") ||
    run.warnings.some(({ code }) => code === EXPERIMENT_ERROR);
  return failed || run.status === "interrupted" ? 1 : 0;
}

async function compareTwo(args: readonly string[]): Promise<number> {
  const [a, b, extra] = args;
  if (a === undefined || b === undefined || extra !== undefined) {
    throw wrongUse(bench, "--compare takes two folders of runs", extra ?? a ?? "");
  }
  const comparison = await compareRunFolders(a, b);
  if (comparison.work !== null) say(comparison.work);
  say(comparisonLines(comparison).join("\n"));
  return comparison.measures.some(({ verdict }) => verdict === "worse") ? 1 : 0;
}

/** Splits what is left of the arguments into names of experiments and `--factor levels`. */
function chosen(
  args: readonly string[],
  { url, quick }: { url: string | undefined; quick: boolean },
): { experiments: Experiment[]; narrowing: Narrowing } {
  const names: string[] = [];
  const narrowing: Record<string, string[]> = {};
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, factor, inline] = /^--([a-z][a-z-]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (factor === undefined) {
      names.push(word);
      continue;
    }
    if (!EXPERIMENTS.some(({ factors }) => factors.some(({ name }) => name === factor))) {
      throw wrongUse(bench, "the flag must be known", word);
    }
    narrowing[factor] = parseValue(bench, `--${factor}`, text(), inline ?? rest.shift()).split(",");
  }
  if (url !== undefined) {
    const [other] = [...names, ...Object.keys(narrowing)];
    if (other !== undefined) throw wrongUse(bench, "--url takes no experiment or factor", other);
    return { experiments: [sweepOf(url)], narrowing };
  }
  const { cpus } = narrowing;
  if (cpus && cpus.length > 1) throw wrongUse(bench, "--cpus takes one quota", cpus.join(","));
  // Replicas whose capacity is a quota are an experiment of their own.
  const asked = names.map((name) => name === "scale-out" && cpus ? "quota" : name);
  const experiments = asked.length === 0
    ? EXPERIMENTS.filter(({ notQuick }) => !(quick && notQuick))
    : [...new Set(asked)].map(named);
  Object.entries(narrowing).forEach(([factor, levels]) => check(experiments, factor, levels));
  for (const { name, factors, includes } of experiments) {
    const cells = cellsOf(chooseLevels(factors, { quick, narrowing }), includes, quick);
    if (cells.length === 0) {
      throw wrongUse(bench, `the levels must leave ${name} a cell to run`, args.join(" "));
    }
  }
  return { experiments, narrowing };
}

function named(name: string): Experiment {
  const found = EXPERIMENTS.find((experiment) => experiment.name === name);
  if (found) return found;
  const known = EXPERIMENTS.map((experiment) => experiment.name).join(", ");
  throw wrongUse(bench, `the experiment must be one of ${known}`, name);
}

/** Every experiment that has the factor must have the levels. */
function check(experiments: readonly Experiment[], factor: string, levels: readonly string[]) {
  const having = experiments.flatMap(({ factors }) =>
    factors.filter(({ name }) => name === factor)
  );
  if (having.length === 0) {
    throw wrongUse(bench, `--${factor} must be a factor of the experiment`, levels.join(","));
  }
  for (const { levels: known } of having) {
    const unknown = levels.find((level) => !known.some((each) => String(each) === level));
    if (unknown !== undefined) {
      throw wrongUse(bench, `--${factor} must be of ${known.join(", ")}`, unknown);
    }
  }
}

function describe({ name, question, hypotheses, factors }: Experiment): string {
  return [
    `${name}: ${question}`,
    ...hypotheses.map((hypothesis) => `  claim: ${hypothesis.text}`),
    ...factors.map(({ name, levels, description }) =>
      `  --${name} ${levels.join(",")}  ${description}`
    ),
  ].join("\n");
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (import.meta.main) await main(bench);
