/**
 * From the records of an experiment on disk to its results. The runner and `bench --report` both come through here, so
 * that whatever is reported can be computed again.
 *
 * @module
 */
import { cellsOf, chooseLevels, type Narrowing } from "./design.ts";
import { allOf, Evidence, TrialEvidence } from "./evidence.ts";
import type { Analysis, Experiment } from "./experiment.ts";
import { isAnswered } from "./load/sample.ts";
import { failureReasons, failures } from "./measures_of_samples.ts";
import { TOOL_ABSENT } from "./needed_tools.ts";
import type { ResultStore } from "./result_store.ts";
import {
  type ExperimentResult,
  type Levels,
  type Metric,
  RESULTS_VERSION,
  type Run,
  type Trial,
  type Warning,
} from "./results.ts";
import { modifiedZScores, OUTLIER_SCORE } from "./stats/outliers.ts";

/** Fewest trials of a cell among which an outlier can be told. */
const OUTLIER_FROM = 5;
/** Share of all cores above which a load generator took much of what the system could have had. */
const MUCH_CPU = 0.5;
/** Below this many trials of a cell, intervals are wide. */
const FEW_TRIALS = 5;

/** Options of {@linkcode analyseExperiment}. */
export interface AnalyseOptions {
  run: Run;
  narrowing?: Narrowing;
  /** Commands that repeat the experiment. */
  commands: string[];
}

/** Computes and writes `experiment.json`. */
export async function analyseExperiment(
  store: ResultStore,
  experiment: Experiment,
  options: AnalyseOptions,
): Promise<ExperimentResult> {
  const { run, narrowing = {}, commands } = options;
  const planned = run.plannedTrials?.[experiment.name] ?? null;
  const records = await store.readTrials(experiment.name);
  const valid = records.filter((record) => record.valid);
  const evidence = new Evidence(
    await Promise.all(valid.map((record) => readEvidence(store, record))),
  );
  const partial = (planned !== null && records.length < planned) || valid.length < records.length;
  // Runs from before warnings named their experiment began the message with it.
  const absent = run.warnings.find((warning) =>
    warning.code === TOOL_ABSENT &&
    (warning.experiment ?? warning.message.split(":")[0]) === experiment.name
  );
  const analysis = evidence.trials.length > 0
    ? analyse(experiment, evidence, partial)
    : unknown(experiment, absent ? `Not run, ${absent.message}.` : "No valid trial was completed.");
  const partly = absent && evidence.trials.length > 0 ? [`${absent.message}.`] : [];
  const { name, title, question, hypotheses, theory, method } = experiment;
  const quick = run.mode === "quick";
  const chosen = chooseLevels(experiment.factors, { quick, narrowing });
  const cells = cellsOf(chosen, experiment.includes, quick);
  const result: ExperimentResult = {
    version: RESULTS_VERSION,
    declaration: {
      name,
      title,
      question,
      hypotheses,
      theory,
      method,
      factors: plain(chosen, cells),
    },
    status: valid.length === 0 ? "skipped" : partial ? "partial" : "complete",
    answer: [analysis.answer, ...partly].join(" "),
    outcome: allOf(analysis.verdicts.map(({ outcome }) => outcome)),
    verdicts: analysis.verdicts,
    headline: analysis.headline,
    metrics: analysis.metrics,
    charts: analysis.charts,
    warnings: [
      ...records.flatMap(({ warnings }) => warnings),
      ...analysis.metrics.flatMap(outlierWarnings),
      ...failureWarnings(evidence),
      ...sharedMachine(valid, run.environment.host.cores),
      ...completeness(records, planned),
      ...fewTrials(valid),
    ],
    commands,
    trials: {
      used: valid.map(({ id }) => id),
      invalid: records.filter((record) => !record.valid).map(({ id }) => id),
    },
    durationMs: records.reduce((sum, { durationMs }) => sum + durationMs, 0),
  };
  await store.writeExperiment(result);
  return result;
}

async function readEvidence(store: ResultStore, record: Trial): Promise<TrialEvidence> {
  const samples = await Promise.all(
    record.samples.map(async ({ label, path }) => [label, await store.readSamples(path)] as const),
  );
  return new TrialEvidence(record, new Map(samples));
}

/** The experiment's own analysis; where trials are missing it may have nothing to stand on. */
function analyse(experiment: Experiment, evidence: Evidence, partial: boolean): Analysis {
  try {
    return experiment.analyse(evidence);
  } catch (error) {
    if (!partial || !(error instanceof RangeError)) throw error;
    return unknown(experiment, `The completed trials do not suffice: ${error.message}.`);
  }
}

function unknown({ hypotheses }: Experiment, why: string): Analysis {
  return {
    answer: why,
    verdicts: hypotheses.map(({ id }) => ({
      hypothesis: id,
      outcome: "inconclusive",
      sentence: why,
    })),
    headline: [],
    metrics: [],
    charts: [],
  };
}

/** The factors with the levels that some cell has. */
function plain(
  factors: Experiment["factors"],
  cells: readonly Levels[],
): ExperimentResult["declaration"]["factors"] {
  return factors.map(({ name, description, levels }) => ({
    name,
    description,
    levels: levels.filter((level) => cells.some((cell) => cell[name] === level)),
  }));
}

function outlierWarnings({ title, levels, perTrial }: Metric): Warning[] {
  if (perTrial.length < OUTLIER_FROM) return [];
  const scores = modifiedZScores(perTrial.map(({ value }) => value));
  return perTrial.flatMap(({ trial, value }, i) => {
    const score = scores[i] ?? 0;
    if (Math.abs(score) <= OUTLIER_SCORE) return [];
    const cell = Object.values(levels).join(", ");
    const message =
      `${title} of trial ${trial} (${cell}) is an outlier: ${value.toPrecision(3)}, ` +
      `modified z-score ${score.toFixed(1)}; it was kept`;
    return [{ code: "outlier", message, severity: "caution" as const, trial }];
  });
}

/** Failures are in no percentile: each kind of load says how many it had. */
function failureWarnings({ trials }: Evidence): Warning[] {
  const labels = new Set(trials.flatMap(({ record }) => record.samples.map(({ label }) => label)));
  return [...labels].flatMap((label): Warning[] => {
    const samples = trials.flatMap((trial) =>
      trial.record.samples.some((each) => each.label === label) ? trial.samples(label) : []
    );
    const failed = failures(samples);
    if (failed === 0) return [];
    const unanswered = samples.filter((sample) => !isAnswered(sample)).length;
    const message = `${failed} of ${samples.length} requests of "${label}" failed ` +
      `(${failureReasons(samples)}); ${unanswered} had no answer and are in no percentile`;
    return [{ code: "failures", message, severity: "caution" }];
  });
}

/** A generator beside what it measures takes cores from it: no bottleneck of its own, but not nobody either. */
function sharedMachine(valid: readonly Trial[], cores: number): Warning[] {
  const used = valid.map(({ oha }) =>
    Math.max(0, ...oha.map((run) => run.generator.cpuCores ?? 0))
  );
  const high = used.filter((each) => each > MUCH_CPU * cores);
  if (high.length === 0) return [];
  const message =
    `oha took up to ${Math.max(...high).toFixed(1)} of ${cores} cores (more than half ` +
    `in ${high.length} of ${valid.length} trials): rates are of the machine with its load generator`;
  return [{ code: "generator-share", message, severity: "caution" }];
}

function completeness(records: readonly Trial[], planned: number | null): Warning[] {
  if (planned === null || records.length >= planned) return [];
  const message = `${records.length} of ${planned} trials were completed`;
  return [{ code: "incomplete", message, severity: "caution" }];
}

function fewTrials(valid: readonly Trial[]): Warning[] {
  const cells = Map.groupBy(valid, ({ levels }) => JSON.stringify(levels));
  const fewest = Math.min(...[...cells.values()].map((trials) => trials.length));
  if (!(fewest < FEW_TRIALS)) return [];
  const message = `As few as ${fewest} trial(s) a cell: intervals are wide or missing`;
  return [{ code: "few-trials", message, severity: "caution" }];
}
