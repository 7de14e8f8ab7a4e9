/**
 * Least squares with few unknowns of which all but the first must not be negative, unless that is lifted.
 *
 * @module
 */

/**
 * Minimises |A x - y| with x[1], x[2], ... >= 0, or of any sign when `bounded` is false. With a handful of unknowns every set of zeros can be tried: the best
 * feasible one is the minimum (it satisfies the conditions of C. Lawson and R. Hanson, "Solving Least Squares Problems",
 * 1974, chapter 23).
 */
export function leastSquares(
  rows: readonly (readonly number[])[],
  y: readonly number[],
  { bounded = true }: { bounded?: boolean } = {},
): number[] {
  const unknowns = rows[0]?.length ?? 0;
  let best: { x: number[]; loss: number } | undefined;
  for (let zeros = 0; zeros < (bounded ? 2 ** (unknowns - 1) : 1); zeros++) {
    const free = Array.from({ length: unknowns }, (_, i) => i)
      .filter((i) => i === 0 || (zeros & (1 << (i - 1))) === 0);
    const solved = solveNormal(rows.map((row) => free.map((i) => row[i] ?? 0)), y);
    if (!solved) continue;
    if (bounded && solved.some((value, i) => free[i] !== 0 && value < 0)) continue;
    const x = Array<number>(unknowns).fill(0);
    free.forEach((i, k) => x[i] = solved[k] ?? 0);
    const loss = rows.reduce(
      (sum, row, i) => sum + (row.reduce((s, v, k) => s + v * (x[k] ?? 0), 0) - (y[i] ?? 0)) ** 2,
      0,
    );
    if (!best || loss < best.loss) best = { x, loss };
  }
  if (!best) throw new RangeError("Cannot fit: the unknowns must be told apart by the data");
  return best.x;
}

/** Solves A'A x = A'y by elimination with pivoting, columns scaled; undefined when singular. */
function solveNormal(rows: readonly number[][], y: readonly number[]): number[] | undefined {
  const size = rows[0]?.length ?? 0;
  const scale = Array.from(
    { length: size },
    (_, i) => Math.sqrt(rows.reduce((sum, row) => sum + (row[i] ?? 0) ** 2, 0)) || 1,
  );
  const system = Array.from({ length: size }, (_, i) => {
    const column = (j: number) =>
      rows.reduce((sum, row) => sum + (row[i] ?? 0) * (row[j] ?? 0), 0) /
      ((scale[i] ?? 1) * (scale[j] ?? 1));
    const right = rows.reduce((sum, row, k) => sum + (row[i] ?? 0) * (y[k] ?? 0), 0) /
      (scale[i] ?? 1);
    return [...Array.from({ length: size }, (_, j) => column(j)), right];
  });
  for (let i = 0; i < size; i++) {
    const pivot = system.slice(i).reduce(
      (best, row, k) => Math.abs(row[i] ?? 0) > Math.abs(system[best]?.[i] ?? 0) ? i + k : best,
      i,
    );
    [system[i], system[pivot]] = [system[pivot] as number[], system[i] as number[]];
    const lead = system[i] as number[];
    if (Math.abs(lead[i] ?? 0) < 1e-13) return undefined;
    system.forEach((row, k) => {
      if (k === i) return;
      const factor = (row[i] ?? 0) / (lead[i] ?? 1);
      for (let j = i; j <= size; j++) row[j] = (row[j] ?? 0) - factor * (lead[j] ?? 0);
    });
  }
  return system.map((row, i) => (row[size] ?? 0) / (row[i] ?? 1) / (scale[i] ?? 1));
}
