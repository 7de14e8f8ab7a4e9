/**
 * What can be done with a run that lies on disk: compute it again, publish it, hold it against another.
 *
 * @module
 */
import { runProgram } from "../stack/run_program.ts";
import { StackError } from "../stack/stack.ts";
import { analyseExperiment } from "./analyse.ts";
import { EXPERIMENTS } from "./catalogue.ts";
import { compareRuns, type Comparison, workDifference } from "./compare.ts";
import { putResults } from "./report/readme.ts";
import { readReport, writeReports } from "./report/write_reports.ts";
import { ResultStore } from "./result_store.ts";
import { sweepOf } from "./sweep.ts";

/**
 * Computes results and reports of a run again from its samples.
 *
 * @throws {StackError} when the folder holds no run
 */
export async function regenerateRun(directory: string): Promise<{ failed: boolean }> {
  const store = await openRun(directory);
  const run = await store.readRun();
  let failed = false;
  for (const name of run.experiments) {
    const known = EXPERIMENTS.find((experiment) => experiment.name === name);
    // A sweep of somebody's service is not in the catalogue; its samples know the address.
    // deno-lint-ignore no-await-in-loop -- one after the other keeps memory small
    const records = await store.readTrials(name);
    const experiment = known ?? sweepOf(records[0]?.oha[0]?.args.at(-1) ?? "");
    // deno-lint-ignore no-await-in-loop -- as above
    const before = await store.readExperiment(name).catch(() => null);
    const factors = Object.fromEntries(
      (before?.declaration.factors ?? []).map((factor) => [factor.name, factor.levels.map(String)]),
    );
    // deno-lint-ignore no-await-in-loop -- as above
    const { outcome } = await analyseExperiment(store, experiment, {
      ...{ run, narrowing: factors, commands: before?.commands ?? [] },
    });
    failed ||= outcome === "failed";
  }
  await writeReports(directory);
  return { failed };
}

/**
 * Writes the results of a run into a README, in the format that `deno fmt` wants.
 *
 * @throws {StackError} when the folder holds no run, or none that should be published
 */
export async function publishRun(directory: string, readmePath: string): Promise<void> {
  await openRun(directory);
  const before = await Deno.readTextFile(readmePath);
  const report = await readReport(directory);
  let after: string;
  try {
    after = putResults(before, report);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new StackError(cause.message, { cause });
  }
  await Deno.writeTextFile(readmePath, after);
  const args = ["fmt", "--quiet", readmePath];
  const { success, complaints } = await runProgram(Deno.execPath(), { args });
  if (!success) throw new StackError(`Cannot format ${readmePath}: ${complaints[0]}`);
}

/**
 * Compares two runs; `work` is a caution where their CPU work differs.
 *
 * @throws {StackError} when a folder holds no run, or one run is quick and the other is not
 */
export async function compareRunFolders(
  a: string,
  b: string,
): Promise<Comparison & { work: string | null }> {
  const [before, after] = await Promise.all([openRun(a), openRun(b)]);
  const [runA, runB] = await Promise.all([before.readRun(), after.readRun()]);
  if (runA.mode !== runB.mode) {
    const rule = "both must be full runs or both quick ones";
    throw new StackError(`Cannot compare runs: ${rule}, received ${runA.mode} and ${runB.mode}`);
  }
  return {
    ...compareRuns(await before.readExperiments(), await after.readExperiments()),
    work: workDifference(runA, runB),
  };
}

async function openRun(directory: string): Promise<ResultStore> {
  const store = new ResultStore(directory);
  try {
    await store.readRun();
    return store;
  } catch (cause) {
    const rule = `the folder must hold a run, received ${JSON.stringify(directory)}`;
    throw new StackError(`Cannot run bench: ${rule}`, { cause });
  }
}
