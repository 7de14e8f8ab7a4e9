/**
 * The frame that every chart shares: axes, grid, legend, text alternative.
 *
 * @module
 */
import { type Markup, markup } from "./markup.ts";
import type { Scale } from "./scale.ts";

/** Size of a chart in its own units; the page scales it. */
export const WIDTH = 760;
/** Pixels around the plotting area. */
export const MARGIN = { top: 14, right: 18, bottom: 46, left: 64 } as const;
/** Ends of the x axis in pixels. */
export const X_RANGE: readonly [number, number] = [MARGIN.left, WIDTH - MARGIN.right];

/** Ends of the y axis in pixels for a chart of this height; it runs upwards. */
export function yRange(height: number): readonly [number, number] {
  return [height - MARGIN.bottom, MARGIN.top];
}

/** What a chart puts into the frame. */
export interface PlotOptions {
  height: number;
  /** Text alternative of the whole picture. */
  alternative: string;
  x: Scale;
  y: Scale;
  xLabel: string;
  yLabel: string;
  /** Marks, drawn over the grid. */
  body: Markup | readonly Markup[];
  /** Names of the series in the order of their classes `s0`, `s1` ... ; a single name is left out. */
  legend?: readonly string[];
}

/** Draws the frame around the marks: an `<svg>` with a legend above it. */
export function plot(options: PlotOptions): Markup {
  const { height, alternative, x, y, xLabel, yLabel, body, legend = [] } = options;
  const [left, right] = X_RANGE;
  const [bottom, top] = yRange(height);
  return markup`${legend.length > 1 && drawLegend(legend)}
<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${alternative}">
<g class="grid">${y.ticks.map((tick) => markup`<path d="M${left} ${tick.at}H${right}"/>`)}</g>
<g class="marks">${body}</g>
<g class="axis"><path d="M${left} ${top}V${bottom}H${right}"/>
${
    x.ticks.map((tick) =>
      markup`<text x="${tick.at}" y="${bottom + 16}" text-anchor="middle">${tick.label}</text>`
    )
  }
${
    y.ticks.map((tick) =>
      markup`<text x="${left - 8}" y="${tick.at + 4}" text-anchor="end">${tick.label}</text>`
    )
  }
<text x="${(left + right) / 2}" y="${height - 8}" text-anchor="middle">${xLabel}</text>
<text transform="translate(14 ${
    (top + bottom) / 2
  }) rotate(-90)" text-anchor="middle">${yLabel}</text>
</g></svg>`;
}

/** The legend: a swatch in the series' own stroke, so that colour is never the only sign. */
export function drawLegend(names: readonly string[]): Markup {
  return markup`<ul class="legend">${
    names.map((name, index) =>
      markup`<li><svg width="28" height="10" aria-hidden="true"><path class="line ${
        seriesClass(index)
      }" d="M1 5H27"/></svg>${name}</li>`
    )
  }</ul>`;
}

/** Class of the n-th series; eight are told apart by colour and dash, then they repeat. */
export function seriesClass(index: number): string {
  return `s${index % 8}`;
}
