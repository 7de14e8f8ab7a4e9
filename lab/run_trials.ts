/**
 * Runs the trials of one experiment: prepares the stack of each, records it, and goes on after one that failed.
 *
 * @module
 */
import type { CpuWorkOf } from "./cpu_work.ts";
import type { PlannedTrial } from "./design.ts";
import type { Experiment } from "./experiment.ts";
import type { Progress } from "./progress.ts";
import type { ResultStore } from "./result_store.ts";
import { type OpenStack, StackHolder } from "./stack_holder.ts";
import { TrialRecorder, type TrialRecorderOptions } from "./trial_recorder.ts";

/** After so many failed trials in a row an experiment ends: the next would fail too. */
const FAILED_IN_A_ROW = 3;

/** An experiment with the order of its trials. */
export interface PlannedExperiment {
  experiment: Experiment;
  order: PlannedTrial[];
  /** Rough length of all, for the time left. */
  seconds: number;
}

/** Options of {@linkcode runTrials}. */
export interface RunTrialsOptions {
  store: ResultStore;
  progress: Progress;
  quick: boolean;
  seed: number;
  cpuWork: CpuWorkOf;
  signal: AbortSignal;
  /** On the clock of `performance.now()`: no repetition is begun that would last much longer. */
  stopAtMs: number;
  /** @default the process engine */
  openStack?: OpenStack;
}

/** Runs them in order, each in its stack. @throws when several failed in a row */
export async function runTrials(
  { experiment, order, seconds }: PlannedExperiment,
  options: RunTrialsOptions,
): Promise<void> {
  const { store, progress, quick, seed, cpuWork, signal, stopAtMs } = options;
  const { name } = experiment;
  await using holder = new StackHolder(signal, options.openStack);
  let begunAtMs = performance.now();
  let failedInARow = 0;
  for (const [i, { levels, repetition }] of order.entries()) {
    if (i > 0 && order[i - 1]?.repetition !== repetition) {
      const nowMs = performance.now();
      // The next one will take at most as long as this one did; a little too long is taken from the experiments after it.
      if (nowMs + 0.7 * (nowMs - begunAtMs) > stopAtMs) break;
      begunAtMs = nowMs;
    }
    if (signal.aborted) break;
    progress.step(`${name} ${i + 1}/${order.length}  ${Object.values(levels).join(", ")}`);
    const id = String(i + 1).padStart(3, "0");
    // deno-lint-ignore no-await-in-loop -- trials must not disturb each other
    const error = await runTrial(experiment, holder, {
      ...{ store, experiment: name, id, levels, repetition, quick, seed, cpuWork, signal },
    });
    progress.done(seconds / order.length);
    if (error === null) {
      failedInARow = 0;
      continue;
    }
    progress.say(`${name}: trial ${id} failed: ${error.message}`);
    if (++failedInARow === Math.min(FAILED_IN_A_ROW, order.length)) {
      throw new Error(`${failedInARow} trials in a row failed, the last: ${error.message}`, {
        cause: error,
      });
    }
    // deno-lint-ignore no-await-in-loop -- as above
    await holder.discard();
  }
}

/** Runs one trial and writes its record. @returns why it failed; null when it did not, or the run was stopped */
async function runTrial(
  experiment: Experiment,
  holder: StackHolder,
  options: Omit<TrialRecorderOptions, "stack">,
): Promise<Error | null> {
  const { levels, signal } = options;
  let trial: TrialRecorder | undefined;
  try {
    const stack = await holder.prepare(experiment, levels);
    trial = new TrialRecorder({ ...options, stack });
    await experiment.run(trial);
    if (!signal.aborted) await trial.finish();
    return null;
  } catch (cause) {
    if (signal.aborted) return null;
    trial ??= new TrialRecorder({ ...options, stack: null });
    await trial.fail(cause);
    return cause instanceof Error ? cause : new Error(String(cause));
  } finally {
    await trial?.stop(new Error("The trial is over"));
  }
}
