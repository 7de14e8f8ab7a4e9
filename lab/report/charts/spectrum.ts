/**
 * Latency by percentile on a tail scale, so that p99.9 has as much room as p50.
 *
 * @module
 */
import type { Chart } from "../../charts.ts";
import { isAnswered } from "../../load/sample.ts";
import { type Markup, markup } from "../markup.ts";
import { plot, seriesClass, X_RANGE, yRange } from "../plot.ts";
import { logScale, tailScale } from "../scale.ts";
import { readRows, type SampleSource } from "./rows.ts";

const HEIGHT = 320;
const POINTS = 240;

/** Draws a `spectrum` chart; requests without an answer are left out, as the schema says. */
export function drawSpectrum(
  chart: Extract<Chart, { kind: "spectrum" }>,
  source: SampleSource,
): Markup {
  const series = chart.series.map(({ paths }) =>
    readRows(paths, source).filter(isAnswered).map((row) => row.latencyMs)
      .sort((a, b) => a - b)
  );
  const all = series.flatMap((values) => [values[0] ?? 1, values.at(-1) ?? 1]);
  const x = tailScale(Math.max(...series.map((values) => values.length)), X_RANGE);
  const y = logScale({
    domain: [Math.max(Math.min(...all), 0.01), Math.max(...all, 1)],
    range: yRange(HEIGHT),
  });
  return plot({
    height: HEIGHT,
    alternative: chart.alternative,
    x,
    y,
    xLabel: "percentile of answered requests",
    yLabel: "latency in ms (log)",
    legend: chart.series.map(({ label }) => label),
    body: series.map((values, index) =>
      markup`<path class="line ${seriesClass(index)}" d="${curve(values, x.place, y.place)}"/>`
    ),
  });
}

/** Steps along the tail scale rather than along the samples: as many points for p0-p90 as for p99-p99.9. */
function curve(
  values: readonly number[],
  placeX: (value: number) => number,
  placeY: (value: number) => number,
): string {
  if (values.length === 0) return "";
  const tail = Math.log10(Math.max(values.length, 10));
  const points = Array.from({ length: POINTS + 1 }, (_, index) => {
    const p = 1 - 10 ** (-tail * index / POINTS);
    const rank = Math.min(Math.floor(p * values.length), values.length - 1);
    return `${placeX(p)} ${placeY(values[rank] ?? 0)}`;
  });
  return `M${points.join("L")}`;
}
