/**
 * One row a value: a dot with its interval, a bar on linear scales, and what theory says as a tick.
 *
 * @module
 */
import type { Chart } from "../../charts.ts";
import { formatNumber } from "../format.ts";
import { type Markup, markup } from "../markup.ts";
import { picture, WIDTH } from "../plot.ts";
import { linearScale, logScale, type Scale } from "../scale.ts";
import { withUnit } from "./curve.ts";

const ROW = 26;
const GROUP = 24;
/** About the width of a letter of a label, and the least and most room that labels get. */
const LETTER = 6.8;
const LABELS = { min: 110, max: 420 } as const;
const RIGHT = WIDTH - 90;
const FOOT = 44;

type BarsChart = Extract<Chart, { kind: "bars" }>;
type BarRow = BarsChart["rows"][number];

/** Draws a `bars` chart; rows stand in the order given, under the heading of their group. */
export function drawBars(chart: BarsChart): Markup {
  const left = leftOf(chart);
  const x = valueScale(chart, left);
  let y = 8;
  let group: string | undefined;
  const rows = chart.rows.map((row) => {
    const heading = row.group !== group && row.group !== undefined;
    group = row.group;
    if (heading) y += GROUP;
    const at = y + ROW / 2;
    y += ROW;
    return markup`${
      heading && markup`<text class="group" x="4" y="${at - ROW / 2 - 4}">${row.group ?? ""}</text>`
    }${drawRow(row, at, left, x, chart.scale === "linear")}`;
  });
  return picture(
    { name: chart.title, alternative: chart.alternative, height: y + FOOT },
    markup`<g class="grid">${x.ticks.map((tick) => markup`<path d="M${tick.at} 4V${y}"/>`)}</g>
<g class="marks axis">${rows}</g>
<g class="axis"><path d="M${left} ${y}H${RIGHT}"/>${
      x.ticks.map((tick) =>
        markup`<text x="${tick.at}" y="${y + 16}" text-anchor="middle">${tick.label}</text>`
      )
    }<text x="${(left + RIGHT) / 2}" y="${y + 36}" text-anchor="middle">${withUnit(chart.axis)}${
      chart.scale === "log" && ", log scale"
    }${chart.rows.some((row) => row.theory !== null) && "; ◇ theory"}</text></g>`,
  );
}

/** Where the values begin: as far right as the longest label needs. */
function leftOf({ rows }: BarsChart): number {
  const longest = Math.max(...rows.map(({ label }) => label.length));
  return Math.min(Math.max(Math.ceil(longest * LETTER) + 18, LABELS.min), LABELS.max);
}

function valueScale({ rows, scale }: BarsChart, left: number): Scale {
  const values = rows.flatMap(({ value, theory }) =>
    [value.estimate, value.low, value.high, theory].filter((number) => number !== null)
  );
  const range = [left, RIGHT] as const;
  if (scale === "linear") {
    return linearScale({ domain: [Math.min(0, ...values), Math.max(...values) || 1], range });
  }
  const positive = values.filter((value) => value > 0);
  return logScale({ domain: [Math.min(...positive, 1), Math.max(...positive, 1)], range });
}

function drawRow(
  { label, value, theory }: BarRow,
  at: number,
  left: number,
  x: Scale,
  bar: boolean,
): Markup {
  const right = x.place(value.estimate);
  const end = Math.max(right, x.place(value.high ?? value.estimate), x.place(theory ?? -Infinity));
  return markup`<text x="${left - 10}" y="${at + 4}" text-anchor="end">${label}</text>${
    bar &&
    markup`<rect class="bar" x="${Math.min(x.place(0), right)}" y="${at - 7}" width="${
      Math.abs(right - x.place(0))
    }" height="14"/>`
  }<circle class="point s0" cx="${right}" cy="${at}" r="3.5"/>${
    value.low !== null && value.high !== null &&
    markup`<path class="interval s0" d="M${x.place(value.low)} ${at}H${x.place(value.high)}"/>`
  }${
    theory !== null &&
    markup`<path class="theory" d="M${x.place(theory)} ${at - 7}l6 7l-6 7l-6 -7z"/>`
  }<text class="value" x="${end + 9}" y="${at + 4}">${formatNumber(value.estimate)}</text>`;
}
