/**
 * Numbers as a reader wants them: three significant digits, the unit that fits, intervals in brackets.
 *
 * @module
 */
import type { Interval, Unit } from "../measures.ts";

/** Three significant digits, thousands separated; whole above 1,000. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1_000) return Math.round(value).toLocaleString("en-US");
  if (size < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** A scaled number and its unit text, such as `[1.5, "s"]` for 1,500 ms. */
function scaled(value: number, unit: Unit): [number, string] {
  switch (unit) {
    case "ms":
      return Math.abs(value) >= 1_000 ? [value / 1_000, " s"] : [value, " ms"];
    case "s":
      return [value, " s"];
    case "requests/s":
      return [value, "/s"];
    case "µs/request":
      return [value, " µs/request"];
    case "ratio":
      return [value, "x"];
    case "share":
      return [value * 100, " %"];
    case "bytes":
      return [value / 1e6, " MB"];
    case "cores":
      return [value, " cores"];
    case "count":
      return [value, ""];
  }
}

/** A value with the unit that fits: `2.83 s`, `12 ms`, `33 %`, `4.71x`. */
export function formatValue(value: number, unit: Unit): string {
  const [number, text] = scaled(value, unit);
  return formatNumber(number) + text;
}

/** An estimate with its interval: `4.71x [4.66, 4.75]`; only the estimate when there is no interval. */
export function formatInterval(interval: Interval, unit: Unit): string {
  if (interval.n === 0) return "no value";
  const estimate = formatValue(interval.estimate, unit);
  if (interval.low === null || interval.high === null) return estimate;
  return `${estimate} [${formatValue(interval.low, unit)}, ${formatValue(interval.high, unit)}]`;
}
