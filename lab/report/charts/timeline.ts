/**
 * What became of the requests, second by second: good, delayed, failed; one panel a series.
 *
 * @module
 */
import type { Chart } from "../../charts.ts";
import { isGood, type Sample } from "../../load/sample.ts";
import { type Markup, markup } from "../markup.ts";
import { plot, X_RANGE, yRange } from "../plot.ts";
import { linearScale } from "../scale.ts";
import { drawEvents, listEvents } from "./events.ts";
import { readRows, type SampleSource } from "./rows.ts";

const HEIGHT = 220;
const OUTCOMES = ["good", "delayed", "failed"] as const;

/** Draws a `timeline` chart: stacked bars of requests per second by what became of them. */
export function drawTimeline(
  chart: Extract<Chart, { kind: "timeline" }>,
  source: SampleSource,
): Markup {
  return markup`<ul class="legend">${
    OUTCOMES.map((outcome) =>
      markup`<li><i class="swatch ${outcome}"></i>${
        outcome === "delayed" ? `delayed (over ${chart.delayedAboveMs} ms)` : outcome
      }</li>`
    )
  }</ul>${
    chart.series.map(({ label, paths }) =>
      markup`<p class="panel">${label}</p>${
        drawPanel(readRows(paths, source), paths.length, label, chart)
      }`
    )
  }${listEvents(chart.events)}`;
}

function drawPanel(
  rows: readonly Sample[],
  trials: number,
  label: string,
  chart: Extract<Chart, { kind: "timeline" }>,
): Markup {
  const buckets = countBuckets(rows, chart);
  const perSecond = 1_000 / chart.bucketMs / trials;
  const end = buckets.length * chart.bucketMs;
  const most = Math.max(...buckets.map((b) => (b.good + b.delayed + b.failed) * perSecond), 1);
  const range = yRange(HEIGHT);
  const x = linearScale({
    domain: [0, end || 1],
    range: X_RANGE,
    label: (value) => String(Number((value / 1_000).toFixed(3))),
  });
  const y = linearScale({ domain: [0, most], range });
  const bars = OUTCOMES.map((outcome, level) => {
    const path = buckets.map((bucket, index) => {
      const below = OUTCOMES.slice(0, level).reduce((sum, name) => sum + bucket[name], 0);
      if (bucket[outcome] === 0) return "";
      const left = x.place(index * chart.bucketMs);
      const right = x.place((index + 1) * chart.bucketMs);
      const foot = y.place(below * perSecond);
      const head = y.place((below + bucket[outcome]) * perSecond);
      return `M${left} ${foot}V${head}H${right}V${foot}Z`;
    }).join("");
    return markup`<path class="${outcome}" d="${path}"/>`;
  });
  return plot({
    height: HEIGHT,
    alternative: `${label}: ${chart.alternative}`,
    x,
    y,
    xLabel: "intended send time in s",
    yLabel: "requests/s",
    body: [...bars, ...drawEvents(chart.events, x, range)],
  });
}

/** How many requests of each outcome were meant to go out in each bucket of time. */
export function countBuckets(
  rows: readonly Sample[],
  { bucketMs, delayedAboveMs }: { bucketMs: number; delayedAboveMs: number },
): { good: number; delayed: number; failed: number }[] {
  const last = rows.reduce((latest, row) => Math.max(latest, row.intendedMs), -1);
  const buckets = Array.from(
    { length: Math.floor(last / bucketMs) + 1 },
    () => ({ good: 0, delayed: 0, failed: 0 }),
  );
  for (const row of rows) {
    const bucket = buckets[Math.floor(row.intendedMs / bucketMs)];
    if (!bucket) continue;
    if (!isGood(row)) bucket.failed++;
    else if (row.latencyMs > delayedAboveMs) bucket.delayed++;
    else bucket.good++;
  }
  return buckets;
}
