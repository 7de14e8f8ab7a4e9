/**
 * From a chart as data to a picture.
 *
 * @module
 */
import type { Chart } from "../../charts.ts";
import type { Markup } from "../markup.ts";
import { drawBars } from "./bars.ts";
import { drawCurve } from "./curve.ts";
import { drawHistogram } from "./histogram.ts";
import type { SampleSource } from "./rows.ts";
import { drawScatter } from "./scatter.ts";
import { drawSpectrum } from "./spectrum.ts";
import { drawTimeline } from "./timeline.ts";

/** Draws any chart; `source` gives the samples of those that draw requests. */
export function drawChart(chart: Chart, source: SampleSource): Markup {
  switch (chart.kind) {
    case "spectrum":
      return drawSpectrum(chart, source);
    case "scatter":
      return drawScatter(chart, source);
    case "timeline":
      return drawTimeline(chart, source);
    case "curve":
      return drawCurve(chart);
    case "bars":
      return drawBars(chart);
    case "histogram":
      return drawHistogram(chart);
  }
}
