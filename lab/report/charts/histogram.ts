/**
 * How often each value occurred, with named marks such as the document's 457.
 *
 * @module
 */
import type { Chart } from "../../charts.ts";
import { type Markup, markup } from "../markup.ts";
import { plot, seriesClass, X_RANGE, yRange } from "../plot.ts";
import { linearScale, logScale } from "../scale.ts";
import { withUnit } from "./curve.ts";

const HEIGHT = 300;
const BINS = 40;

/** Draws a `histogram` chart with forty bins, equal in width on its scale. */
export function drawHistogram(chart: Extract<Chart, { kind: "histogram" }>): Markup {
  const log = chart.scale === "log";
  const usable = (value: number) => Number.isFinite(value) && (!log || value > 0);
  const values = chart.series.flatMap((series) => series.values).filter(usable);
  const all = [...values, ...chart.marks.map(({ value }) => value).filter(usable)];
  const domain = withRoom([Math.min(...all), Math.max(...all)], log);
  const x = (log ? logScale : linearScale)({ domain, range: X_RANGE });
  const [left, right] = X_RANGE;
  const width = (right - left) / BINS;
  const counts = chart.series.map((series) => {
    const bins = new Array<number>(BINS).fill(0);
    for (const value of series.values.filter(usable)) {
      const bin = Math.min(Math.floor((x.place(value) - left) / width), BINS - 1);
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
    return bins;
  });
  const range = yRange(HEIGHT);
  const y = linearScale({ domain: [0, Math.max(...counts.flat(), 1)], range });
  return plot({
    height: HEIGHT,
    name: chart.title,
    alternative: chart.alternative,
    x,
    y,
    xLabel: withUnit(chart.axis),
    yLabel: "how often",
    legend: chart.series.map(({ label }) => label),
    legendMark: "outline",
    body: [
      ...counts.map((bins, index) =>
        markup`<path class="outline ${seriesClass(index)}" d="${
          bins.map((count, bin) =>
            count > 0
              ? `M${left + bin * width} ${range[0]}V${y.place(count)}H${left + (bin + 1) * width}V${
                range[0]
              }Z`
              : ""
          ).join("")
        }"/>`
      ),
      ...chart.marks.filter(({ value }) => usable(value)).map(({ value, text }, index) => {
        const at = x.place(value);
        const flip = at > (left + right) / 2;
        return markup`<g class="event"><path d="M${at} ${range[1] - 5}V${range[0]}"/><text x="${
          flip ? at - 4 : at + 4
        }" y="${range[1] + 12 + 14 * index}"${
          flip && markup` text-anchor="end"`
        }>${text}</text></g>`;
      }),
    ],
  });
}

/** One bin more at each end, so that neither a column nor a mark lies on the frame. */
function withRoom(
  [low, high]: readonly [number, number],
  log: boolean,
): readonly [number, number] {
  if (log) {
    const factor = high > low ? (high / low) ** (1 / BINS) : 1.1;
    return [low / factor, high * factor];
  }
  const room = high > low ? (high - low) / BINS : Math.abs(high) / 10 || 1;
  return [low < 0 ? low - room : Math.max(0, low - room), high + room];
}
