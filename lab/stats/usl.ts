/**
 * The Universal Scalability Law, X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1)): capacity of N replicas with
 * contention sigma and coherency kappa (N. Gunther, "Guerrilla Capacity Planning", Springer, 2007, chapters 4 to 6).
 *
 * Fitted by least squares on X with sigma, kappa >= 0: a negative coefficient has no physical meaning, and a fit that
 * wants one says that the data are no scaling of one system.
 *
 * @module
 */
import { leastSquares } from "./least_squares.ts";
import { mean } from "./percentile.ts";
import { studentQuantile } from "./student.ts";

/** Capacity seen with N replicas. */
export interface UslPoint {
  n: number;
  throughput: number;
}

/** Parameters of the law. */
export interface UslFit {
  /** Capacity of one replica, in the unit of the throughput. */
  lambda: number;
  /** Contention, the share that is serial. */
  sigma: number;
  /** Coherency, the cost of a pair. */
  kappa: number;
}

/** Distinct N below which a fit of three parameters says little. */
export const USL_MIN_LEVELS = 6;

/** X(N). */
export function uslThroughput({ lambda, sigma, kappa }: UslFit, n: number): number {
  return lambda * n / (1 + sigma * (n - 1) + kappa * n * (n - 1));
}

/** X(N) / X(1): what N replicas buy. */
export function uslSpeedup(fit: UslFit, n: number): number {
  return uslThroughput(fit, n) / uslThroughput(fit, 1);
}

/** The N of greatest capacity, sqrt((1 - sigma) / kappa); Infinity without coherency. */
export function uslPeak({ sigma, kappa }: UslFit): number {
  return kappa === 0 ? Infinity : Math.sqrt((1 - sigma) / kappa);
}

/**
 * Fits the law. With a = 1 / lambda, b = sigma / lambda, c = kappa / lambda, N / X is linear in (a, b, c); that fit
 * starts Gauss-Newton steps on X itself, each solved with b, c >= 0 (unless `bounded` is false, for intervals only).
 *
 * @throws with fewer than three distinct N, which cannot tell three parameters apart
 */
export function fitUsl(
  points: readonly UslPoint[],
  { bounded = true }: { bounded?: boolean } = {},
): UslFit {
  if (new Set(points.map(({ n }) => n)).size < 3) {
    throw new RangeError(
      `Cannot fit the Universal Scalability Law: three or more levels of N must be given, received "${points.length} points"`,
    );
  }
  if (points.some(({ n, throughput }) => !(n >= 1 && throughput > 0))) {
    throw new RangeError(
      "Cannot fit the Universal Scalability Law: N and throughput must be positive",
    );
  }
  const rows = points.map(({ n }) => [1, n - 1, n * (n - 1)]);
  // Relative errors of N / X are those of X: weight 1 / (N / X).
  const start = points.map(({ n, throughput }) => throughput / n);
  let p = leastSquares(
    rows.map((row, i) => row.map((v) => v * (start[i] ?? 1))),
    points.map(() => 1),
    { bounded },
  );
  const lossOf = (q: readonly number[]) =>
    points.reduce((sum, { n, throughput }, i) => sum + (throughput - n / dot(rows[i], q)) ** 2, 0);
  let loss = lossOf(p);
  for (let step = 0; step < 200; step++) {
    // X = N / y, y = row . p: linearised around p, in p itself so that the constraints stay simple.
    const weights = points.map(({ n }, i) => n / dot(rows[i], p) ** 2);
    const next = leastSquares(
      rows.map((row, i) => row.map((v) => v * (weights[i] ?? 1))),
      points.map(({ n, throughput }, i) => {
        const y = dot(rows[i], p);
        return (weights[i] ?? 1) * y - (throughput - n / y);
      }),
      { bounded },
    );
    const better = shorten(p, next, loss, lossOf);
    if (!better) break;
    const gain = loss - better.loss;
    p = better.at;
    loss = better.loss;
    if (gain <= 1e-14 * loss) break;
  }
  const [a = NaN, b = NaN, c = NaN] = p;
  return { lambda: 1 / a, sigma: b / a, kappa: c / a };
}

/** What {@linkcode uslInterval} needs: the fit, and how it moves with the noise of each level. */
export interface UslSpread {
  /** The law, sigma and kappa at least 0. */
  fit: UslFit;
  /** The same without that bound, which is where the noise can be propagated. */
  free: UslFit;
  /** Free fits with the mean of one level a standard error higher and lower. */
  moved: readonly { up: UslFit; down: UslFit; degrees: number }[];
}

/**
 * Propagates the noise between trials through the fit. Resampling would not do: at sigma = 0 or kappa = 0, where good
 * systems are, the bootstrap is inconsistent (D. Andrews, Econometrica 68 (2000) 399-405). The estimator without bounds is
 * smooth there, and a cut of its interval by what is possible covers as often as the interval does.
 *
 * @returns null when a level has a single trial: nothing tells its noise
 */
export function spreadUsl(points: readonly UslPoint[]): UslSpread | null {
  const levels = [...Map.groupBy(points, ({ n }) => n)].map(([n, those]) => {
    const values = those.map(({ throughput }) => throughput);
    const center = mean(values);
    const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0);
    const count = values.length;
    return { n, count, center, error: Math.sqrt(squares / (count - 1) / count) };
  });
  if (levels.some(({ count }) => count < 2)) return null;
  // Least squares sees nothing of a level but its mean and its weight.
  const moved = (at: number, by: number) =>
    fitUsl(
      levels.flatMap(({ n, count, center, error }) =>
        Array<UslPoint>(count).fill({ n, throughput: center + (n === at ? by * error : 0) })
      ),
      { bounded: false },
    );
  return {
    fit: fitUsl(points),
    free: fitUsl(points, { bounded: false }),
    moved: levels.map(({ n, count }) => ({
      up: moved(n, 1),
      down: moved(n, -1),
      degrees: count - 1,
    })),
  };
}

/**
 * Interval of anything that follows from the law. Each level contributes half of what a move by its standard error does
 * (J. Kragten, Analyst 119 (1994) 2161-2165); Student's t has the effective degrees of freedom of Welch and Satterthwaite
 * (JCGM 100:2008, annex G.4). It is two-sided also where the estimate is at its bound: to switch to one side on seeing
 * that would cover less than it says (G. Feldman and R. Cousins, Physical Review D 57 (1998) 3873-3889). A low end of 0
 * makes it an upper bound.
 */
export function uslInterval(
  { fit, free, moved }: UslSpread,
  value: (fit: UslFit) => number,
  level = 0.95,
): { low: number; high: number } {
  const parts = moved.map(({ up, down, degrees }) => ({
    variance: ((value(up) - value(down)) / 2) ** 2,
    degrees,
  }));
  const variance = parts.reduce((sum, part) => sum + part.variance, 0);
  const estimate = value(fit);
  if (variance === 0) return { low: estimate, high: estimate };
  const degrees = variance ** 2 /
    parts.reduce((sum, part) => sum + part.variance ** 2 / part.degrees, 0);
  const half = studentQuantile(0.5 + level / 2, degrees) * Math.sqrt(variance);
  const center = value(free);
  // An interval that lies wholly beyond the bound still reaches to the estimate.
  return {
    low: Math.min(estimate, Math.max(0, center - half)),
    high: Math.max(estimate, center + half),
  };
}

function dot(row: readonly number[] | undefined, p: readonly number[]): number {
  return (row ?? []).reduce((sum, v, i) => sum + v * (p[i] ?? 0), 0);
}

/** Halves the step from `from` to `to` until it helps; undefined when none does. */
function shorten(
  from: readonly number[],
  to: readonly number[],
  loss: number,
  lossOf: (at: readonly number[]) => number,
): { at: number[]; loss: number } | undefined {
  for (let share = 1; share > 1e-6; share /= 2) {
    const at = from.map((v, i) => v + share * ((to[i] ?? v) - v));
    const here = (at[0] ?? 0) > 0 ? lossOf(at) : Infinity;
    if (here < loss) return { at, loss: here };
  }
  return undefined;
}
