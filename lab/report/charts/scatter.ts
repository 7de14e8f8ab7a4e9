/**
 * One dot a request: latency by intended send time. A blocked replica shows as a falling triangle, because
 * the earlier in the block a request was meant to go out, the longer it waited.
 *
 * @module
 */
import type { Chart } from "../../charts.ts";
import { isGood, type Sample } from "../../load/sample.ts";
import { type Markup, markup } from "../markup.ts";
import { plot, seriesClass, X_RANGE, yRange } from "../plot.ts";
import { linearScale } from "../scale.ts";
import { drawEventBands, drawEvents, listEvents } from "./events.ts";
import { readRows, type SampleSource } from "./rows.ts";

const HEIGHT = 340;

/** Draws a `scatter` chart; failed requests are crosses at the time that they took to fail. */
export function drawScatter(
  chart: Extract<Chart, { kind: "scatter" }>,
  source: SampleSource,
): Markup {
  const series = chart.series.map(({ paths }) => readRows(paths, source));
  const end = series.reduce(
    (last, rows) => rows.reduce((t, r) => Math.max(t, r.intendedMs), last),
    1,
  );
  const slowest = series.reduce(
    (last, rows) => rows.reduce((t, r) => Math.max(t, r.latencyMs), last),
    1,
  );
  const range = yRange(HEIGHT);
  const x = linearScale({
    domain: [0, end],
    range: X_RANGE,
    label: (value) => String(Number((value / 1_000).toFixed(3))),
  });
  const y = linearScale({ domain: [0, slowest], range });
  return markup`${
    plot({
      height: HEIGHT,
      name: chart.title,
      alternative: chart.alternative,
      x,
      y,
      xLabel: "intended send time in s",
      yLabel: "latency in ms",
      legend: chart.series.map(({ label }) => label),
      legendMark: "dots",
      crosses: series.some((rows) => rows.some((row) => !isGood(row))),
      body: [
        ...drawEventBands(chart.events, x, range),
        ...series.map((rows, index) => drawDots(rows, index, x.place, y.place)),
        ...drawEvents(chart.events, x, range),
      ],
    })
  }${listEvents(chart.events)}`;
}

/** Dots and crosses as two paths; requests that fall on the same half pixel are drawn once. */
function drawDots(
  rows: readonly Sample[],
  index: number,
  placeX: (value: number) => number,
  placeY: (value: number) => number,
): Markup {
  const dots = new Set<string>();
  const crosses = new Set<string>();
  for (const row of rows) {
    const point = `${half(placeX(row.intendedMs))} ${half(placeY(row.latencyMs))}`;
    (isGood(row) ? dots : crosses).add(point);
  }
  return markup`<path class="dots ${seriesClass(index)}" d="${
    [...dots].map((point) => `M${point}h0`).join("")
  }"/>${
    crosses.size > 0 &&
    markup`<path class="crosses" d="${
      [...crosses].map((point) => `M${point}m-3 -3l6 6m0 -6l-6 6`).join("")
    }"/>`
  }`;
}

function half(value: number): number {
  return Math.round(value * 2) / 2;
}
