/**
 * Runs experiments: plans their trials, prepares the stack of each, records, analyses, and stops cleanly when told to.
 *
 * @module
 */
import { commandLine } from "../stack/install.ts";
import { startStack } from "../stack/open.ts";
import { analyseExperiment } from "./analyse.ts";
import { type CpuWorkOf, createCpuWork } from "./cpu_work.ts";
import { cellsOf, chooseLevels, type Narrowing, planTrials, stackStarts } from "./design.ts";
import { captureEnvironment, runId } from "./environment.ts";
import type { Experiment } from "./experiment.ts";
import { LEFT_OUT, leftOut } from "./left_out.ts";
import { runnableCells } from "./needed_tools.ts";
import { formatSeconds, Progress } from "./progress.ts";
import { ResultStore } from "./result_store.ts";
import { type ExperimentResult, RESULTS_VERSION, type Run, type Warning } from "./results.ts";
import { type PlannedExperiment, runTrials } from "./run_trials.ts";
import { runWarnings } from "./run_warnings.ts";
import type { OpenStack } from "./stack_holder.ts";
import { createRandom } from "./stats/random.ts";

/** Rough cost of a stack's start, and of its stop beside the start of another, for the time left. */
const STACK_SECONDS = 3;

/** Code of the warning of a run that an experiment ended with an error. */
export const EXPERIMENT_ERROR = "experiment-error";

/** Options of {@linkcode runExperiments}. */
export interface RunOptions {
  experiments: readonly Experiment[];
  quick: boolean;
  seed: number;
  /** Trials a cell, instead of what each experiment says. */
  trials?: number;
  narrowing?: Narrowing;
  /**
   * Seconds that the run may take: no repetition is begun that its experiment has no time for, but every experiment has
   * one. What was left out is in the warnings. @default no limit
   */
  budgetSeconds?: number;
  /** Folder of all runs. */
  out: string;
  /** CPU time, in microseconds, that gateways burn for each request: to see that a comparison notices. @default 0 */
  handicapUs?: number;
  /** What was typed. */
  command: string;
  signal: AbortSignal;
  progress?: Progress;
  /** @default the process engine, in a temporary state directory */
  openStack?: OpenStack;
}

/** A finished (or interrupted) run. */
export interface FinishedRun {
  run: Run;
  directory: string;
  results: ExperimentResult[];
}

/** Runs experiments one after the other. Never leaves a stack behind. */
export async function runExperiments(options: RunOptions): Promise<FinishedRun> {
  const { experiments, quick, seed, out, command, signal } = options;
  const startedAt = new Date();
  const endsAtMs = performance.now() + 1000 * (options.budgetSeconds ?? Infinity);
  const environment = await captureEnvironment();
  const id = runId(startedAt, environment.commit);
  const store = new ResultStore(`${out}/${id}`);
  const plans = experiments.map((experiment) => plan(experiment, options));
  const progress = options.progress ??
    new Progress(plans.reduce((sum, { seconds }) => sum + seconds, 0));
  const run: Run = {
    version: RESULTS_VERSION,
    id,
    startedAt: startedAt.toISOString(),
    endedAt: null,
    mode: quick ? "quick" : "full",
    status: "running",
    seed,
    trialsPerCell: Math.max(...plans.map(({ trials }) => trials)),
    plannedTrials: Object.fromEntries(
      plans.map(({ experiment, order }) => [experiment.name, order.length]),
    ),
    command,
    environment,
    experiments: experiments.map(({ name }) => name),
    warnings: [
      ...runWarnings(environment, { quick, handicapUs: options.handicapUs ?? 0 }),
      ...plans.flatMap(({ warnings }) => warnings),
    ],
  };
  await store.writeRun(run);
  progress.say(`${experiments.length} experiment(s), about ${formatSeconds(progress.secondsLeft)}`);
  const cpuWork = sizedForAllRuns(run, out);
  const results: ExperimentResult[] = [];
  for (const [i, planned] of plans.entries()) {
    if (signal.aborted) break;
    const stopAtMs = performance.now() + 1000 * budgetOf(planned, plans.slice(i), endsAtMs);
    // deno-lint-ignore no-await-in-loop -- experiments must not disturb each other
    results.push(await runOne(planned, { ...options, store, run, progress, cpuWork, stopAtMs }));
  }
  const omitted = run.warnings.filter(({ code }) => code === LEFT_OUT);
  if (omitted.length > 0) progress.say(omitted.map(({ message }) => message).join("\n  "));
  run.status = signal.aborted ? "interrupted" : "complete";
  run.endedAt = new Date().toISOString();
  await store.writeRun(run);
  return { run, directory: store.directory, results };
}

/** Seconds that an experiment may take: its share of what is left, by what was planned. */
function budgetOf(planned: Plan, left: readonly Plan[], endsAtMs: number): number {
  const all = left.reduce((sum, { seconds }) => sum + seconds, 0);
  return (endsAtMs - performance.now()) / 1000 * planned.seconds / all;
}

interface Plan extends PlannedExperiment {
  trials: number;
  warnings: Warning[];
}

function plan(experiment: Experiment, options: RunOptions): Plan {
  const { quick, narrowing = {}, seed } = options;
  const factors = chooseLevels(experiment.factors, { quick, narrowing });
  const designed = cellsOf(factors, experiment.includes, quick);
  if (designed.length === 0) {
    throw new RangeError(`Cannot run ${experiment.name}: the levels must leave a cell to run`);
  }
  const { cells, warnings } = runnableCells(experiment, designed);
  const trials = options.trials ?? experiment.trials[quick ? "quick" : "full"];
  const random = createRandom(seed);
  const { stack: stackKey, sitsOut = () => false } = experiment;
  const order = planTrials(cells, { trials, stackKey, random, sitsOut });
  const seconds = order.reduce(
    (sum, { levels }) => sum + experiment.secondsPerTrial(levels, quick),
    stackStarts(order, stackKey) * STACK_SECONDS,
  );
  return { experiment, order, trials, seconds, warnings };
}

/** CPU work of the size that all runs in a folder share; the run says which. */
function sizedForAllRuns(run: Run, out: string): CpuWorkOf {
  const { host: { cpuModel, arch }, tools: { deno } } = run.environment;
  const cpuWork = createCpuWork({
    path: `${out}/cpu-speed.json`,
    machine: `${cpuModel ?? arch}, Deno ${deno}`,
  });
  return async (ms) => {
    const work = await cpuWork(ms);
    run.cpuRounds = { ...run.cpuRounds, [ms]: work.rounds };
    return work;
  };
}

interface RunningOptions extends RunOptions {
  store: ResultStore;
  run: Run;
  progress: Progress;
  cpuWork: CpuWorkOf;
  stopAtMs: number;
}

async function runOne(planned: Plan, options: RunningOptions): Promise<ExperimentResult> {
  const { store, run, progress, quick, narrowing = {}, seed, handicapUs = 0 } = options;
  const { experiment, trials } = planned;
  const { name } = experiment;
  try {
    const openStack = handicapped(handicapUs, options.openStack);
    await runTrials(planned, { ...options, openStack });
  } catch (error) {
    // One experiment that cannot go on must not cost the others; what it has is analysed.
    const message = `${name} ended early: ${error instanceof Error ? error.message : error}`;
    progress.say(message);
    run.warnings.push({ code: EXPERIMENT_ERROR, message, severity: "invalid", experiment: name });
  }
  const result = await analyseExperiment(store, experiment, {
    ...{ run, narrowing },
    commands: [repeatCommand(experiment, { quick, trials, seed, narrowing, handicapUs })],
  });
  progress.say(`${result.outcome.padEnd(12)} ${name}: ${result.answer}`);
  if (quick) {
    const completed = (await store.readTrials(name)).filter(({ valid }) => valid);
    const said = leftOut(experiment, {
      narrowing,
      completed: completed.map(({ levels }) => levels),
    });
    if (said) run.warnings.push(said);
  }
  return result;
}

/** Starts stacks whose gateways burn CPU time for each request. */
function handicapped(us: number, open: OpenStack = startStack): OpenStack {
  if (us === 0) return open;
  return (options, rest) =>
    open({ ...options, gatewayEnv: { ...options.gatewayEnv, HANDICAP_US: String(us) } }, rest);
}

/** What to type to run one experiment again in the same order. */
export function repeatCommand(
  { name, factors }: Pick<Experiment, "name" | "factors">,
  { quick, trials, seed, narrowing, handicapUs }: {
    quick: boolean;
    trials: number;
    seed: number;
    narrowing: Narrowing;
    handicapUs: number;
  },
): string {
  // Of a run of several experiments, each has its own.
  const narrowed = factors.flatMap((factor) => {
    const levels = narrowing[factor.name];
    return levels ? [`--${factor.name}`, levels.join(",")] : [];
  });
  return commandLine([
    ...["deno", "task", "bench", name],
    ...(quick ? ["--quick"] : []),
    ...["--trials", `${trials}`, "--seed", `${seed}`],
    ...(handicapUs > 0 ? ["--handicap", `${handicapUs}`] : []),
    ...narrowed,
  ]);
}
