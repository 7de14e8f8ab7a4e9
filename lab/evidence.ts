/**
 * The records of an experiment as its analysis sees them: valid trials with their samples, found by their levels.
 *
 * @module
 */
import type { Sample } from "./load/sample.ts";
import type { Interval, Levels, Metric, Outcome, Trial } from "./results.ts";
import { meanInterval, ratioInterval } from "./stats/interval.ts";

/** One valid trial with its samples in memory. */
export class TrialEvidence {
  readonly record: Trial;
  readonly #samples: ReadonlyMap<string, readonly Sample[]>;

  constructor(record: Trial, samples: ReadonlyMap<string, readonly Sample[]>) {
    this.record = record;
    this.#samples = samples;
  }

  /** Samples of one probe. @throws when the trial has none of that name */
  samples(label: string): readonly Sample[] {
    const samples = this.#samples.get(label);
    if (!samples) throw new RangeError(this.#missing("samples", label));
    return samples;
  }

  /** Where the samples of a probe lie, for charts. */
  path(label: string): string {
    const found = this.record.samples.find((each) => each.label === label);
    if (!found) throw new RangeError(this.#missing("samples", label));
    return found.path;
  }

  /** A raw number. */
  number(name: string): number {
    const value = this.record.observations[name];
    if (value === undefined) throw new RangeError(this.#missing("observation", name));
    return value;
  }

  #missing(what: string, name: string): string {
    const { experiment, id } = this.record;
    return `Cannot analyse ${experiment}: trial ${id} must have the ${what} "${name}"`;
  }
}

/** All valid trials of an experiment. */
export class Evidence {
  readonly trials: readonly TrialEvidence[];

  constructor(trials: readonly TrialEvidence[]) {
    this.trials = trials;
  }

  /** Trials of all cells that have these levels, in order of execution. */
  where(levels: Levels): TrialEvidence[] {
    return this.trials.filter(({ record }) =>
      Object.entries(levels).every(([name, level]) => record.levels[name] === level)
    );
  }

  /** Whether any trial has these levels. */
  has(levels: Levels): boolean {
    return this.where(levels).length > 0;
  }

  /** The distinct levels of a factor that occur, in ascending order or as they came. */
  levels(factor: string): (string | number)[] {
    const levels = [...new Set(this.trials.map(({ record }) => record.levels[factor]))]
      .filter((level) => level !== undefined);
    return levels.every((level) => typeof level === "number")
      ? levels.sort((a, b) => a - b)
      : levels;
  }

  /** The cells that occur. */
  cells(): Levels[] {
    const cells = new Map(
      this.trials.map(({ record }) => [JSON.stringify(record.levels), record.levels]),
    );
    return [...cells.values()];
  }

  /** A measure of the trials with these levels; a trial that gives no number (no answer has no latency) is left out. */
  metric(
    spec: Pick<Metric, "name" | "title" | "unit" | "better"> & { theory?: number | null },
    levels: Levels,
    value: (trial: TrialEvidence) => number,
  ): Metric {
    const perTrial = this.where(levels)
      .map((trial) => ({ trial: trial.record.id, value: value(trial) }))
      .filter((each) => Number.isFinite(each.value));
    const interval = meanInterval(perTrial.map((each) => each.value));
    const high = interval.high !== null && spec.unit === "share"
      ? Math.min(1, interval.high)
      : interval.high;
    return {
      ...spec,
      levels,
      theory: spec.theory ?? null,
      perTrial,
      value: { ...interval, high },
    };
  }

  /**
   * How many times larger a measure is with `numerator` than with `denominator`: pairs of trials of the same repetition
   * that differ in nothing else; null when there is none, or a value has no ratio. A share of requests may be 0, which is
   * less than one request and not nothing: then half a request is added to both sides of every pair (J. Haldane, Annals of
   * Human Genetics 20 (1956) 309-311), and the interval's note says so.
   */
  ratio(
    sides: { numerator: Levels; denominator: Levels },
    value: (trial: TrialEvidence) => number,
    { step = oneRequest }: {
      /** The share that one request makes. @default one of all samples of the trial */
      step?: (trial: TrialEvidence) => number;
    } = {},
  ): Interval | null {
    const named = new Set([...Object.keys(sides.numerator), ...Object.keys(sides.denominator)]);
    const pairKey = ({ record: { levels, repetition } }: TrialEvidence) =>
      JSON.stringify([repetition, Object.entries(levels).filter(([name]) => !named.has(name))]);
    const below = new Map(this.where(sides.denominator).map((trial) => [pairKey(trial), trial]));
    const pairs = this.where(sides.numerator).flatMap((trial) => {
      const partner = below.get(pairKey(trial));
      return partner ? [[trial, partner] as const] : [];
    });
    const values = pairs.map((pair) => pair.map(value));
    if (values.length === 0 || !values.flat().every((each) => each >= 0)) return null;
    const empty = values.flat().filter((each) => each === 0).length;
    // A zero that is no share (no good answer in a second, say) bounds nothing that we know.
    if (empty > 0 && !values.flat().every((each) => each <= 1)) return null;
    const shown = empty === 0
      ? values
      : pairs.map((pair) => pair.map((trial) => value(trial) + step(trial) / 2));
    if (!shown.flat().every((each) => each > 0 && each < Infinity)) return null;
    const ratio = ratioInterval({
      numerators: shown.map(([above = NaN]) => above),
      denominators: shown.map(([, under = NaN]) => under),
    });
    if (empty === 0) return ratio;
    const note = `${empty} of ${2 * pairs.length} trials had no such request; half a one was added`;
    return { ...ratio, note };
  }
}

/** The share that one request makes of all samples of a trial; Infinity without samples. */
function oneRequest({ record }: TrialEvidence): number {
  return 1 / record.samples.reduce((sum, { count }) => sum + count, 0);
}

/** Whether an interval is wholly at or above a bound; inconclusive when it straddles it or does not exist. */
export function atLeast(interval: Interval | null, bound: number): Outcome {
  if (!interval || interval.low === null || interval.high === null) return "inconclusive";
  return interval.low >= bound ? "held" : interval.high < bound ? "failed" : "inconclusive";
}

/** Whether an interval is wholly at or below a bound. */
export function atMost(interval: Interval | null, bound: number): Outcome {
  if (!interval || interval.low === null || interval.high === null) return "inconclusive";
  return interval.high <= bound ? "held" : interval.low > bound ? "failed" : "inconclusive";
}

/** Whether an interval lies wholly within `share` of a target; failed when wholly outside. */
export function within(interval: Interval | null, target: number, share: number): Outcome {
  const low = target - Math.abs(target) * share;
  const high = target + Math.abs(target) * share;
  return allOf([atLeast(interval, low), atMost(interval, high)]);
}

/** Failed when any failed, held when all held. */
export function allOf(outcomes: readonly Outcome[]): Outcome {
  if (outcomes.includes("failed")) return "failed";
  return outcomes.length > 0 && outcomes.every((outcome) => outcome === "held")
    ? "held"
    : "inconclusive";
}
