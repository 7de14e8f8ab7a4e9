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
import { drawEventBands, drawEvents, listEvents } from "./events.ts";
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
  // Buckets begin with the first request and the last one ends with the last: half a bucket without load
  // would look like a dip.
  const fromMs = rows.reduce((first, row) => Math.min(first, row.intendedMs), Infinity);
  const lastMs = rows.reduce((last, row) => Math.max(last, row.intendedMs), -Infinity);
  const gapMs = (lastMs - fromMs) / Math.max(rows.length / trials - 1, 1);
  const end = rows.length === 0 ? 1 : lastMs + gapMs;
  const buckets = countBuckets(rows, chart).map((counts, index) => {
    const startMs = fromMs + index * chart.bucketMs;
    const endMs = Math.min(startMs + chart.bucketMs, end);
    return { ...counts, startMs, endMs, perSecond: 1_000 / (endMs - startMs) / trials };
  });
  const most = Math.max(
    ...buckets.map((b) => (b.good + b.delayed + b.failed) * b.perSecond),
    1,
  );
  const range = yRange(HEIGHT);
  const x = linearScale({
    domain: [0, end],
    range: X_RANGE,
    label: (value) => String(Number((value / 1_000).toFixed(3))),
  });
  const y = linearScale({ domain: [0, most], range });
  const bars = OUTCOMES.map((outcome, level) => {
    const path = buckets.map((bucket) => {
      const below = OUTCOMES.slice(0, level).reduce((sum, name) => sum + bucket[name], 0);
      if (bucket[outcome] === 0) return "";
      const left = x.place(bucket.startMs);
      const right = x.place(bucket.endMs);
      const foot = y.place(below * bucket.perSecond);
      const head = y.place((below + bucket[outcome]) * bucket.perSecond);
      return `M${left} ${foot}V${head}H${right}V${foot}Z`;
    }).join("");
    return markup`<path class="${outcome}" d="${path}"/>`;
  });
  return plot({
    height: HEIGHT,
    name: `${chart.title}: ${label}`,
    alternative: chart.alternative,
    x,
    y,
    xLabel: "intended send time in s",
    yLabel: "requests/s",
    body: [
      ...drawEventBands(chart.events, x, range),
      ...bars,
      ...drawEvents(chart.events, x, range),
    ],
  });
}

/** How many requests of each outcome were meant to go out in each bucket of time, from the first one on. */
export function countBuckets(
  rows: readonly Sample[],
  { bucketMs, delayedAboveMs }: { bucketMs: number; delayedAboveMs: number },
): { good: number; delayed: number; failed: number }[] {
  const fromMs = rows.reduce((first, row) => Math.min(first, row.intendedMs), Infinity);
  const buckets: { good: number; delayed: number; failed: number }[] = [];
  for (const row of rows) {
    const index = Math.floor((row.intendedMs - fromMs) / bucketMs);
    while (buckets.length <= index) buckets.push({ good: 0, delayed: 0, failed: 0 });
    const bucket = buckets[index];
    if (!bucket) continue;
    if (!isGood(row)) bucket.failed++;
    else if (row.latencyMs > delayedAboveMs) bucket.delayed++;
    else bucket.good++;
  }
  return buckets;
}
