/**
 * From values to pixels, with the ticks a reader expects.
 *
 * @module
 */
import { formatNumber } from "./format.ts";

/** A mark on an axis. */
export interface Tick {
  /** Pixel position. */
  at: number;
  label: string;
}

/** A mapping from values to pixels. */
export interface Scale {
  /** Pixel of a value; values outside the domain are clamped to its ends. */
  place(value: number): number;
  ticks: readonly Tick[];
}

/** Ends of the values and of the pixels; `range` may run downwards, as y does. */
export interface ScaleOptions {
  domain: readonly [number, number];
  range: readonly [number, number];
  /** Text of a tick. @default formatNumber */
  label?: (value: number) => string;
  /** Where the ticks of a linear scale are. @default about five multiples of 1, 2 or 5 */
  ticks?: readonly number[];
}

function scale(
  transform: (value: number) => number,
  values: readonly number[],
  { domain: [low, high], range: [start, end], label = formatNumber }: ScaleOptions,
): Scale {
  const from = transform(low);
  const span = transform(high) - from || 1;
  const place = (value: number) => {
    const share = (transform(Math.min(Math.max(value, low), high)) - from) / span;
    return Math.round((start + share * (end - start)) * 10) / 10;
  };
  return { place, ticks: values.map((value) => ({ at: place(value), label: label(value) })) };
}

/** A linear scale with about five ticks at multiples of 1, 2 or 5. */
export function linearScale(options: ScaleOptions): Scale {
  return scale((value) => value, options.ticks ?? evenValues(options.domain), options);
}

/** About five multiples of 1, 2 or 5 inside a domain. */
function evenValues([low, high]: readonly [number, number]): number[] {
  const rough = (high - low) / 5 || 1;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((size) => size >= rough) ??
    rough;
  const first = Math.ceil(low / step);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

/**
 * A logarithmic scale with a tick at each power of ten inside the domain: 1-2-5 when it spans under three,
 * even steps when that leaves fewer than three (latencies from 21 to 38 ms must not have a bare axis).
 */
export function logScale(options: ScaleOptions): Scale {
  const low = Math.max(options.domain[0], Number.MIN_VALUE);
  const high = Math.max(options.domain[1], low * 1.0001);
  const steps = Math.log10(high / low) < 3 ? [1, 2, 5] : [1];
  const values: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of steps) {
      const value = step * 10 ** power;
      if (value >= low * 0.999 && value <= high * 1.001) values.push(value);
    }
  }
  const ticks = values.length < 3 ? evenValues([low, high]).filter((value) => value > 0) : values;
  return scale(Math.log10, ticks, { ...options, domain: [low, high] });
}

/**
 * The tail of a distribution: 0, 50, 90, 99, 99.9 ... equally wide, as in HdrHistogram's percentile plots
 * (position = -log10(1 - p)).
 *
 * @param samples how many values there are: no percentile beyond 1 - 1/samples is drawn
 */
export function tailScale(samples: number, range: readonly [number, number]): Scale {
  const last = 1 - 1 / Math.max(samples, 10);
  const values = [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999].filter((value) => value <= last);
  return scale((value) => -Math.log10(1 - value), values, {
    domain: [0, last],
    range,
    label: (value) => `p${Number((value * 100).toFixed(3))}`,
  });
}
