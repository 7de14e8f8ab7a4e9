/**
 * Points with intervals over a number, beside the ideal line and a fitted curve with its band.
 *
 * @module
 */
import type { Chart } from "../../charts.ts";
import { type Markup, markup } from "../markup.ts";
import { plot, seriesClass, X_RANGE, yRange } from "../plot.ts";
import { linearScale, type Scale } from "../scale.ts";

const HEIGHT = 340;

/** Draws a `curve` chart. */
export function drawCurve(chart: Extract<Chart, { kind: "curve" }>): Markup {
  const ideal = chart.ideal ?? [];
  const fit = chart.fit?.points ?? [];
  const points = chart.series.flatMap((series) => series.points);
  const xs = [...points, ...ideal, ...fit].map((point) => point.x);
  const ys = [
    ...points.map(({ y }) => y.high ?? y.estimate),
    ...ideal.map(({ y }) => y),
    ...fit.map(({ y, high }) => high ?? y),
  ];
  // A little room, so that no point lies on the frame.
  const [least, most] = [Math.min(...xs), Math.max(...xs)];
  const room = 0.03 * (most - least);
  const x = linearScale({
    domain: [least - room, most + room],
    range: X_RANGE,
    ...(fewEven(xs) ? { ticks: [...new Set(xs)] } : {}),
  });
  const y = linearScale({ domain: [0, 1.03 * Math.max(...ys) || 1], range: yRange(HEIGHT) });
  const names = [
    ...chart.series.map(({ label }) => label),
    ...(chart.fit ? [chart.fit.label] : []),
    ...(chart.ideal ? ["ideal"] : []),
  ];
  return plot({
    height: HEIGHT,
    name: chart.title,
    alternative: chart.alternative,
    x,
    y,
    xLabel: withUnit(chart.x),
    yLabel: withUnit(chart.y),
    legend: names,
    body: [
      chart.fit && hasBand(fit)
        ? markup`<path class="band ${seriesClass(chart.series.length)}" d="${band(fit, x, y)}"/>`
        : markup``,
      ...chart.series.map((series, index) =>
        markup`<path class="line ${seriesClass(index)}" d="${
          line(
            series.points.map((point) => ({ x: point.x, y: point.y.estimate })),
            x,
            y,
          )
        }"/>${series.points.map((point) => drawPoint(point.x, point.y, index, x, y))}`
      ),
      markup`<path class="line ${seriesClass(chart.series.length)}" d="${line(fit, x, y)}"/>`,
      markup`<path class="line ${seriesClass(chart.series.length + (chart.fit ? 1 : 0))}" d="${
        line(ideal, x, y)
      }"/>`,
    ],
  });
}

/** Whether the values are few and equally far apart, such as 1 to 6 replicas: then each is worth a tick. */
function fewEven(values: readonly number[]): boolean {
  const distinct = [...new Set(values)].sort((a, b) => a - b);
  const [first = 0, second = 0] = distinct;
  return distinct.length <= 10 &&
    distinct.every((value, index) => Math.abs(first + index * (second - first) - value) < 1e-9);
}

/** Label of an axis with its unit in brackets, when it has one. */
export function withUnit({ label, unit }: { label: string; unit: string }): string {
  return unit === "" ? label : `${label} (${unit})`;
}

function line(points: readonly { x: number; y: number }[], x: Scale, y: Scale): string {
  if (points.length === 0) return "";
  return `M${points.map((point) => `${x.place(point.x)} ${y.place(point.y)}`).join("L")}`;
}

type BandPoint = { x: number; y: number; low: number | null; high: number | null };

function hasBand(points: readonly BandPoint[]): boolean {
  return points.some(({ low, high }) => low !== null && high !== null);
}

function band(points: readonly BandPoint[], x: Scale, y: Scale): string {
  const upper = points.map((point) => `${x.place(point.x)} ${y.place(point.high ?? point.y)}`);
  const lower = points.map((point) => `${x.place(point.x)} ${y.place(point.low ?? point.y)}`);
  return `M${[...upper, ...lower.reverse()].join("L")}Z`;
}

function drawPoint(
  at: number,
  value: { estimate: number; low: number | null; high: number | null },
  index: number,
  x: Scale,
  y: Scale,
): Markup {
  const left = x.place(at);
  return markup`<circle class="point ${seriesClass(index)}" cx="${left}" cy="${
    y.place(value.estimate)
  }" r="3.5"/>${
    value.low !== null && value.high !== null &&
    markup`<path class="interval ${seriesClass(index)}" d="M${left} ${y.place(value.low)}V${
      y.place(value.high)
    }"/>`
  }`;
}
