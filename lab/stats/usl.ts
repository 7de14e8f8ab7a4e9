/**
 * The Universal Scalability Law, X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1)): capacity of N replicas with
 * contention sigma and coherency kappa (N. Gunther, "Guerrilla Capacity Planning", Springer, 2007, chapters 4 to 6).
 *
 * Fitted by least squares on X with sigma, kappa >= 0: a negative coefficient has no physical meaning, and a fit that
 * wants one says that the data are no scaling of one system.
 *
 * @module
 */
import { percentileOfSorted } from "./percentile.ts";
import { createRandom, type Random } from "./random.ts";
import { leastSquares } from "./least_squares.ts";

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
 * starts Gauss-Newton steps on X itself, each solved with b, c >= 0.
 *
 * @throws with fewer than three distinct N, which cannot tell three parameters apart
 */
export function fitUsl(points: readonly UslPoint[]): UslFit {
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

/** A fit for every resample of the trials inside each N (stratified bootstrap). */
export function bootstrapUsl(
  points: readonly UslPoint[],
  { random = createRandom(1), resamples = 1000 }: { random?: Random; resamples?: number } = {},
): UslFit[] {
  const strata = [...Map.groupBy(points, ({ n }) => n).values()];
  return Array.from(
    { length: resamples },
    () =>
      fitUsl(
        strata.flatMap((stratum) =>
          stratum.map(() => stratum[Math.floor(random() * stratum.length)] as UslPoint)
        ),
      ),
  );
}

/** Percentile interval of anything that follows from a fit. */
export function uslInterval(
  fits: readonly UslFit[],
  value: (fit: UslFit) => number,
  level = 0.95,
): { low: number; high: number } {
  const values = Float64Array.from(fits, value).sort();
  const tail = (1 - level) / 2;
  return { low: percentileOfSorted(values, tail), high: percentileOfSorted(values, 1 - tail) };
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
