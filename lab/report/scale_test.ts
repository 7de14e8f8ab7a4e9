import assert from "node:assert/strict";
import * as fc from "fast-check";
import { formatInterval, formatNumber, formatValue } from "./format.ts";
import { markup } from "./markup.ts";
import { linearScale, logScale, tailScale } from "./scale.ts";
import { interval } from "./testdata.ts";
import { countBuckets } from "./charts/timeline.ts";
import { fromColumns } from "../load/sample.ts";
import { blockedSamples } from "./testdata_samples.ts";

Deno.test("linearScale() and logScale() keep every value and tick inside the range", () => {
  const positive = fc.double({ min: 1e-3, max: 1e9, noNaN: true });
  fc.assert(
    fc.property(positive, positive, positive, (a, b, value) => {
      for (const make of [linearScale, logScale]) {
        const scale = make({ domain: [Math.min(a, b), Math.max(a, b)], range: [0, 100] });
        const pixels = [scale.place(value), ...scale.ticks.map(({ at }) => at)];
        assert.ok(pixels.every((pixel) => pixel >= 0 && pixel <= 100), String(pixels));
      }
    }),
  );
});

Deno.test("linearScale() puts ticks at multiples of 1, 2 or 5", () => {
  const { ticks } = linearScale({ domain: [0, 340], range: [0, 340] });
  assert.deepEqual(ticks.map(({ label }) => label), ["0", "100", "200", "300"]);
  assert.deepEqual(ticks.map(({ at }) => at), [0, 100, 200, 300]);
});

Deno.test("logScale() never leaves an axis bare", () => {
  const labels = (low: number, high: number) =>
    logScale({ domain: [low, high], range: [0, 340] }).ticks.map(({ label }) => label);
  assert.deepEqual(labels(1, 10_000), ["1", "10", "100", "1,000", "10,000"]);
  assert.deepEqual(labels(1, 50), ["1", "2", "5", "10", "20", "50"]);
  // No power of ten and one of 1-2-5 lies in between.
  assert.deepEqual(labels(21, 38), ["25", "30", "35"]);
});

Deno.test("tailScale() gives each nine the same width and stops where the samples stop", () => {
  const scale = tailScale(1_000, [0, 300]);
  assert.deepEqual(scale.ticks.map(({ label }) => label), ["p0", "p50", "p90", "p99", "p99.9"]);
  assert.equal(scale.place(0.9), 100);
  assert.equal(scale.place(0.99), 200);
  assert.equal(scale.place(0.999), 300);
});

Deno.test("formatValue() picks the unit that a reader would", () => {
  const cases = [
    [2_830, "ms", "2.83 s"],
    [12.345, "ms", "12.3 ms"],
    [0.3333, "share", "33.3 %"],
    [31_149.6, "requests/s", "31,150/s"],
    [5e6, "bytes", "5 MB"],
    [3, "count", "3"],
  ] as const;
  for (const [value, unit, expected] of cases) assert.equal(formatValue(value, unit), expected);
});

Deno.test("formatNumber() keeps three digits of small numbers", () => {
  assert.equal(formatNumber(0.01234), "0.0123");
  assert.equal(formatNumber(0.0000123), "1.2e-5");
});

Deno.test("formatInterval() shows no bracket when there is no interval", () => {
  assert.equal(formatInterval(interval(100), "ratio"), "100x [90x, 110x]");
  assert.equal(formatInterval({ ...interval(100), low: null }, "ratio"), "100x");
});

Deno.test("markup() escapes text and keeps markup", () => {
  const inner = markup`<b>${'"<&>'}</b>`;
  assert.equal(
    markup`<p>${inner}${null}${["a", "<"]}</p>`.toString(),
    "<p><b>&quot;&lt;&amp;&gt;</b>a&lt;</p>",
  );
});

Deno.test("countBuckets() counts each request once, by when it was meant to go out", () => {
  const rows = fromColumns(blockedSamples("light"));
  const buckets = countBuckets(rows, { bucketMs: 1_000, delayedAboveMs: 100 });
  assert.equal(buckets.length, 6);
  assert.deepEqual(buckets[0], { good: 133, delayed: 67, failed: 0 });
  assert.deepEqual(buckets[3], { good: 199, delayed: 0, failed: 1 });
});
