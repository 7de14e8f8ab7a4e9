/**
 * What a quick run leaves out of each experiment, in words: a reader of few levels and trials must know which.
 *
 * @module
 */
import { cellsOf, chooseLevels, type Narrowing } from "./design.ts";
import type { Experiment } from "./experiment.ts";
import type { Levels, Warning } from "./results.ts";

/** Code of the warnings of {@linkcode leftOut}. */
export const LEFT_OUT = "quick";

/** Options of {@linkcode leftOut}. */
export interface LeftOutOptions {
  /** Levels that the user asked for: what these leave out was not wanted. */
  narrowing?: Narrowing;
  /** The levels of each trial that was completed. */
  completed: readonly Levels[];
}

/** Levels, cells and trials that the full run has and this one did not; null when it has them all. */
export function leftOut(
  experiment: Experiment,
  { narrowing = {}, completed }: LeftOutOptions,
): Warning | null {
  const { name, factors, includes, trials } = experiment;
  const cells = cellsOf(chooseLevels(factors, { quick: false, narrowing }), includes);
  const missing = factors.flatMap((factor) => {
    const has = (those: readonly Levels[], level: string | number) =>
      those.some((each) => each[factor.name] === level);
    const levels = factor.levels.filter((level) => has(cells, level) && !has(completed, level));
    return levels.length === 0 ? [] : [`${factor.name} ${levels.join(", ")}`];
  });
  const counts = [...Map.groupBy(completed, (levels) => JSON.stringify(levels)).values()]
    .map((those) => those.length);
  const least = Math.min(...counts);
  const most = Math.max(...counts);
  const parts = [
    ...(missing.length === 0 ? [] : [`without ${missing.join("; without ")}`]),
    ...(counts.length < cells.length ? [`${counts.length} of ${cells.length} cells`] : []),
    ...(counts.length > 0 && least < trials.full
      ? [`${least === most ? least : `${least} to ${most}`} of ${trials.full} trials a cell`]
      : []),
  ];
  if (parts.length === 0) return null;
  const message = `${name}: ${parts.join("; ")}`;
  return { code: LEFT_OUT, message, severity: "caution", experiment: name };
}
