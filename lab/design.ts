/**
 * From factors to an order of trials. Every repetition holds each cell once, in an order of its own, so that drift of the
 * machine falls on all cells alike and trials of one repetition make pairs. Cells that share a stack stay together within
 * a repetition (a split-plot design: starting a stack is the expensive factor).
 *
 * @module
 */
import type { Experiment, FactorSpec } from "./experiment.ts";
import type { Levels } from "./results.ts";
import { MAX_STACKS } from "./stack_holder.ts";
import { type Random, shuffle } from "./stats/random.ts";

/** Levels that the user narrowed factors to. */
export type Narrowing = Readonly<Record<string, readonly string[]>>;

/** One trial to run. */
export interface PlannedTrial {
  levels: Levels;
  repetition: number;
}

/**
 * The factors with the levels of this run: all, the quick ones, or those that the user named.
 *
 * @throws RangeError when a level does not exist
 */
export function chooseLevels(
  factors: readonly FactorSpec[],
  { quick, narrowing = {} }: { quick: boolean; narrowing?: Narrowing },
): FactorSpec[] {
  return factors.map((factor) => {
    const named = narrowing[factor.name];
    if (!named) return { ...factor, levels: quick ? factor.quick ?? factor.levels : factor.levels };
    const levels = named.map((text) => {
      const level = factor.levels.find((each) => String(each) === text);
      if (level === undefined) {
        throw new RangeError(
          `Cannot narrow ${factor.name}: it must be one of ${
            factor.levels.join(", ")
          }, received "${text}"`,
        );
      }
      return level;
    });
    return { ...factor, levels, narrowed: true };
  });
}

/**
 * All cells: the product of the levels, less what the experiment leaves out. Who narrows a factor says what is to be
 * compared: then a quick run leaves out no more than a full one.
 */
export function cellsOf(
  factors: readonly FactorSpec[],
  includes: Experiment["includes"] = () => true,
  quick = false,
): Levels[] {
  const thin = quick && !factors.some(({ narrowed }) => narrowed);
  return factors.reduce<Levels[]>(
    (cells, { name, levels }) =>
      cells.flatMap((cell) => levels.map((level) => ({ ...cell, [name]: level }))),
    [{}],
  ).filter((levels) => includes(levels, thin, factors));
}

/** Options of {@linkcode planTrials}. */
export interface PlanOptions {
  /** Repetitions. */
  trials: number;
  stackKey: Experiment["stack"];
  random: Random;
  /** @default never */
  sitsOut?: Experiment["sitsOut"];
}

/** The order of trials. */
export function planTrials(
  cells: readonly Levels[],
  { trials, stackKey, random, sitsOut = () => false }: PlanOptions,
): PlannedTrial[] {
  return Array.from({ length: trials }, (_, i) => i + 1).flatMap((repetition) => {
    const present = cells.filter((levels) => !sitsOut(levels, repetition));
    const byStack = Map.groupBy(present, (levels) => JSON.stringify(stackKey(levels)));
    return shuffle([...byStack.values()], random)
      .flatMap((group) => shuffle(group, random))
      .map((levels) => ({ levels, repetition }));
  });
}

/** How many stacks an order of trials makes the holder start, when it keeps {@linkcode MAX_STACKS}. */
export function stackStarts(
  order: readonly PlannedTrial[],
  stackKey: Experiment["stack"],
): number {
  const kept: string[] = [];
  let starts = 0;
  for (const { levels } of order) {
    const options = stackKey(levels);
    if (options === null) continue;
    const key = JSON.stringify(options);
    const at = kept.indexOf(key);
    if (at >= 0) kept.splice(at, 1);
    else starts++;
    kept.push(key);
    if (kept.length > MAX_STACKS) kept.shift();
  }
  return starts;
}
