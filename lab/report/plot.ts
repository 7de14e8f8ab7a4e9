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
export const MARGIN = { top: 26, right: 26, bottom: 46, left: 74 } as const;
/** Ends of the x axis in pixels. */
export const X_RANGE: readonly [number, number] = [MARGIN.left, WIDTH - MARGIN.right];

/** Ends of the y axis in pixels for a chart of this height; it runs upwards. */
export function yRange(height: number): readonly [number, number] {
  return [height - MARGIN.bottom, MARGIN.top];
}

/** What a chart puts into the frame. */
export interface PlotOptions {
  height: number;
  /** What the picture is called. */
  name: string;
  /** What it shows, for those who do not see it. */
  alternative: string;
  x: Scale;
  y: Scale;
  xLabel: string;
  yLabel: string;
  /** Marks, drawn over the grid. */
  body: Markup | readonly Markup[];
  /** Names of the series in the order of their classes `s0`, `s1` ... ; a single name is left out. */
  legend?: readonly string[];
  /** What the series are drawn as. @default "line" */
  legendMark?: LegendMark;
  /** Whether crosses are drawn for what failed. @default false */
  crosses?: boolean;
}

/** How a series is drawn: a line, dots (round and square by turns) or outlined columns. */
export type LegendMark = "line" | "dots" | "outline";

/** The `<svg>` around a picture, with its name and description. */
export function picture(
  { name, alternative, height }: { name: string; alternative: string; height: number },
  content: Markup,
): Markup {
  return markup`<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${name}" aria-description="${alternative}">
${content}</svg>`;
}

/** Draws the frame around the marks: an `<svg>` with a legend above it. */
export function plot(options: PlotOptions): Markup {
  const { height, x, y, xLabel, yLabel, body, legend = [] } = options;
  const [left, right] = X_RANGE;
  const [bottom, top] = yRange(height);
  return markup`${drawLegend(legend, options)}
${
    picture(
      options,
      markup`<g class="grid">${
        y.ticks.map((tick) => markup`<path d="M${left} ${tick.at}H${right}"/>`)
      }</g>
<g class="marks">${body}</g>
<g class="axis"><path d="M${left} ${top}V${bottom}H${right}"/>
${
        x.ticks.map((tick) =>
          markup`<text x="${tick.at}" y="${bottom + 18}" text-anchor="middle">${tick.label}</text>`
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
</g>`,
    )
  }`;
}

const SWATCHES: Readonly<Record<LegendMark, string>> = {
  line: "M1 5H27",
  dots: "M6 5h0M14 5h0M22 5h0",
  outline: "M4 1H24V9H4Z",
};

/** The legend: a swatch drawn as the series is, so that colour is never the only sign. */
function drawLegend(
  names: readonly string[],
  { legendMark: mark = "line", crosses = false }: PlotOptions,
): Markup | null {
  const items = names.length > 1
    ? names.map((name, index) => swatch(`${mark} ${seriesClass(index)}`, SWATCHES[mark], name))
    : [];
  if (crosses) items.push(swatch("crosses", "M11 2l6 6m0 -6l-6 6", "failed"));
  return items.length === 0 ? null : markup`<ul class="legend">${items}</ul>`;
}

function swatch(style: string, path: string, name: string): Markup {
  return markup`<li><svg width="28" height="10" aria-hidden="true"><path class="${style}" d="${path}"/></svg>${name}</li>`;
}

/** Class of the n-th series; eight are told apart by colour and dash, then they repeat. */
export function seriesClass(index: number): string {
  return `s${index % 8}`;
}
