/**
 * What a run of the lab leaves on disk, as schemas. Records come first (`run.json`, `trial.json`, samples);
 * everything in `experiment.json` and in the reports is computed from the records and can be computed again.
 *
 * ```text
 * bench-results/cpu-speed.json            remembered from run to run: see `cpu_work.ts`
 * bench-results/RUN/
 *   run.json                                run: what was asked for, where, by which commit, how it ended
 *   EXPERIMENT/experiment.json              derived: metrics, verdicts, headline rows, charts
 *   EXPERIMENT/trials/001/trial.json        record: one trial as it was run
 *   EXPERIMENT/trials/001/LABEL.samples.json.gz   record: columnar samples, one row a request
 *   report.html report.md report.json       rendered from the above by lab/report
 * ```
 *
 * Conventions: times are milliseconds with a fraction unless the name says otherwise; `atMs` and `intendedMs`
 * count from the trial's `startedAtEpochMs`; shares are 0 to 1; paths are relative to the run directory.
 *
 * @module
 */
import { z } from "zod";
import { chartSchema } from "./charts.ts";
import {
  intervalSchema,
  levelSchema,
  levelsSchema,
  outcomeSchema,
  RESULTS_VERSION,
  unitSchema,
  warningSchema,
} from "./measures.ts";

export * from "./charts.ts";
export * from "./measures.ts";
export * from "./records.ts";

const version = z.literal(RESULTS_VERSION);

/** Where a run took place. `null` where the platform does not say. */
export const environmentSchema = z.object({
  host: z.object({
    os: z.string(),
    kernel: z.string(),
    arch: z.string(),
    cpuModel: z.string().nullable(),
    /** Cores that this process may use. */
    cores: z.int().positive(),
    memoryBytes: z.number().nullable(),
    /** `cpu.max` of our cgroup, as text, such as `max 100000`. */
    cgroupCpuMax: z.string().nullable(),
    virtualization: z.string().nullable(),
  }),
  /** Name to version, null when absent: deno, node, nginx, caddy, redis-server, oha, docker. */
  tools: z.record(z.string(), z.string().nullable()),
  /** Of this checkout; null outside git. */
  commit: z.string().nullable(),
  /** Whether the checkout had changes. */
  dirty: z.boolean(),
  /** 1, 5, 15 minutes, before the first trial. */
  loadAverage: z.array(z.number()),
});
/** Where a run took place. */
export type Environment = z.infer<typeof environmentSchema>;

/** A factor of the design with the levels that were run. */
export const factorSchema = z.object({
  name: z.string(),
  /** What it is, for the reader. */
  description: z.string(),
  levels: z.array(levelSchema).min(1),
});
/** A factor of the design. */
export type Factor = z.infer<typeof factorSchema>;

/** A claim with the tolerance that was fixed before the run. */
export const hypothesisSchema = z.object({
  /** Stable name inside the experiment. */
  id: z.string(),
  /** The claim in one sentence, tolerance included. */
  text: z.string(),
});
/** A claim. */
export type Hypothesis = z.infer<typeof hypothesisSchema>;

/** What an experiment says of itself, as data. */
export const declarationSchema = z.object({
  /** Name on the command line, such as `cpu-block`. */
  name: z.string(),
  title: z.string(),
  question: z.string(),
  hypotheses: z.array(hypothesisSchema).min(1),
  /** What theory predicts and where it is from; empty when there is none. */
  theory: z.string(),
  factors: z.array(factorSchema),
  /** How one trial is run, in two or three sentences. */
  method: z.string(),
});
/** What an experiment says of itself. */
export type Declaration = z.infer<typeof declarationSchema>;

/** A measure of one cell, with what each trial gave. */
export const metricSchema = z.object({
  /** Stable name of the measure, such as `p99` or `delayed-share`. */
  name: z.string(),
  title: z.string(),
  unit: unitSchema,
  /** The cell; `{}` for a measure of the whole experiment. */
  levels: levelsSchema,
  value: intervalSchema,
  perTrial: z.array(z.object({ trial: z.string(), value: z.number() })),
  /** What theory says it should be. */
  theory: z.number().nullable(),
  better: z.enum(["lower", "higher", "neither"]),
});
/** A measure of one cell. */
export type Metric = z.infer<typeof metricSchema>;

/** A judged claim. */
export const verdictSchema = z.object({
  hypothesis: z.string(),
  outcome: outcomeSchema,
  /** What was seen, in one sentence with its numbers. */
  sentence: z.string(),
});
/** A judged claim. */
export type Verdict = z.infer<typeof verdictSchema>;

/** A row of the first table: a lever, what it bought, whether to believe it. */
export const headlineSchema = z.object({
  /** What was changed, such as `offload CPU work (1 replica)`. */
  lever: z.string(),
  /** What it was measured by, such as `p99 of light requests`. */
  measure: z.string(),
  /** The two sides, with units in the text: `2.83 s` -> `12 ms`. */
  from: z.string(),
  to: z.string(),
  /** Improvement factor: above 1 is better, whatever the measure. */
  ratio: intervalSchema,
  outcome: outcomeSchema,
});
/** A row of the first table. */
export type HeadlineRow = z.infer<typeof headlineSchema>;

/** Everything derived about one experiment. */
export const experimentResultSchema = z.object({
  version,
  declaration: declarationSchema,
  /** `partial`: interrupted, or trials were invalid; says so in `warnings`. */
  status: z.enum(["complete", "partial", "skipped"]),
  /** The answer to the question in one sentence. */
  answer: z.string(),
  outcome: outcomeSchema,
  verdicts: z.array(verdictSchema),
  headline: z.array(headlineSchema),
  metrics: z.array(metricSchema),
  charts: z.array(chartSchema),
  warnings: z.array(warningSchema),
  /** Commands that repeat this experiment exactly, in order. */
  commands: z.array(z.string()),
  /** Ids of the trials that the results stand on, and of those left out. */
  trials: z.object({ used: z.array(z.string()), invalid: z.array(z.string()) }),
  durationMs: z.number(),
});
/** Everything derived about one experiment. */
export type ExperimentResult = z.infer<typeof experimentResultSchema>;

/** A run of the lab. */
export const runSchema = z.object({
  version,
  /** Also the name of its directory, such as `2026-11-23T12-00-00Z-eb5a2a1`. */
  id: z.string(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  mode: z.enum(["full", "quick"]),
  status: z.enum(["running", "complete", "interrupted"]),
  /** Seed of the order of trials and of every resampling. */
  seed: z.int().nonnegative(),
  trialsPerCell: z.int().positive(),
  /** Trials that were planned, by experiment; fewer were completed when the run was interrupted. */
  plannedTrials: z.record(z.string(), z.int()).optional(),
  /** Rounds of the CPU work that experiments asked for, by the milliseconds it is to take: `{ "5": 251189 }`. */
  cpuRounds: z.record(z.string(), z.int().positive()).optional(),
  /** What was typed, to run it again. */
  command: z.string(),
  environment: environmentSchema,
  /** Names, in the order of the report. */
  experiments: z.array(z.string()),
  warnings: z.array(warningSchema),
});
/** A run of the lab. */
export type Run = z.infer<typeof runSchema>;
