/**
 * What an experiment is: a declaration as data, how one trial is run, and how its records become results. One file each
 * in `experiments/`; the runner does everything else.
 *
 * @module
 */
import type { OhaOptions, OhaResult } from "./load/oha.ts";
import type { ProbeOptions, RunningProbe } from "./load/prober.ts";
import type { Stack, StackOptions } from "../stack/stack.ts";
import type { CpuWork } from "./cpu_work.ts";
import type { Evidence } from "./evidence.ts";
import type {
  Chart,
  Declaration,
  HeadlineRow,
  Levels,
  Metric,
  TimelineEvent,
  Verdict,
} from "./results.ts";
import type { Random } from "./stats/random.ts";

/** A factor with the levels of a full and of a quick run. */
export interface FactorSpec {
  name: string;
  description: string;
  levels: readonly (string | number)[];
  /** @default levels */
  quick?: readonly (string | number)[];
  /** Whether the levels are those that the user named. @default false */
  narrowed?: boolean;
}

/** What the lab needs of a stack. */
export type LabStack = Stack & { readonly url: string };

/** One trial in the making: does things and records them. */
export interface TrialContext {
  readonly levels: Levels;
  readonly repetition: number;
  /** Whether this is a quick run: shorter phases. */
  readonly quick: boolean;
  /** The stack of this trial. @throws when the experiment asked for none */
  readonly stack: LabStack;
  readonly signal: AbortSignal;
  /** Chance of this trial's own: the same for the same seed of the run and the same trial. */
  readonly random: Random;
  /** Milliseconds since the trial's start: the axis of samples and events. */
  elapsedMs(): number;
  sleep(ms: number): Promise<void>;
  /** Starts an open-loop probe whose samples are kept under `label`. */
  probe(label: string, options: Omit<ProbeOptions, "signal">): Promise<RunningProbe>;
  /**
   * Runs oha and keeps what it printed under `label`. `bottleneck` is what the trial is when oha itself was the limit.
   *
   * @default bottleneck "invalid"
   */
  oha(
    label: string,
    options: Omit<OhaOptions, "signal">,
    rest?: { bottleneck?: "invalid" | "caution" },
  ): Promise<OhaResult>;
  /** CPU work of about so many milliseconds, the same in all trials; kept as `rounds` and `workMs`. */
  cpuWork(ms: number): Promise<CpuWork>;
  /** Puts something on the timeline. */
  event(event: Omit<TimelineEvent, "atMs"> & { atMs?: number }): void;
  /** Keeps a raw number. */
  observe(name: string, value: number): void;
  /** Keeps a raw answer that is no number. */
  keep(name: string, value: unknown): void;
  /** Says that this trial needs care (`caution`) or must not be used (`invalid`). */
  warn(code: string, message: string, severity?: "caution" | "invalid"): void;
}

/** What an experiment concludes from its records. */
export interface Analysis {
  /** The answer to the question in one sentence. */
  answer: string;
  verdicts: Verdict[];
  headline: HeadlineRow[];
  metrics: Metric[];
  charts: Chart[];
}

/** An experiment. */
export interface Experiment extends Omit<Declaration, "factors"> {
  factors: readonly FactorSpec[];
  /** Left out of quick runs unless it is asked for by name. @default false */
  notQuick?: boolean;
  /** Trials a cell. */
  trials: { full: number; quick: number };
  /**
   * Whether a combination of levels is a cell of the design, given whether the run is to be quick and the factors with
   * the levels of this run. @default all
   */
  includes?(levels: Levels, quick: boolean, factors: readonly FactorSpec[]): boolean;
  /** Whether a cell sits out this repetition: what carries no claim need not be measured as often. @default never */
  sitsOut?(levels: Levels, repetition: number): boolean;
  /** The stack that a cell needs, null for none. Cells with equal options share one. */
  stack(levels: Levels): Partial<StackOptions> | null;
  /** Brings a running stack into the state of the cell (replicas, policy, front). */
  arrange?(stack: LabStack, levels: Levels): Promise<void>;
  /** Rough length of one trial, for the time left. */
  secondsPerTrial(levels: Levels, quick: boolean): number;
  /** Runs one trial. */
  run(trial: TrialContext): Promise<void>;
  /** Pure: the same records give the same analysis. */
  analyse(evidence: Evidence): Analysis;
}
