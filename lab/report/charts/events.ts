/**
 * What happened during a trial, as marks over a time axis and as a list below it.
 *
 * @module
 */
import type { TimelineEvent } from "../../measures.ts";
import { type Markup, markup } from "../markup.ts";
import { X_RANGE } from "../plot.ts";
import type { Scale } from "../scale.ts";

/** Room for a number, so that those of events close to each other stand side by side. */
const DIGIT_WIDTH = 8;

/** How long events lasted, as a shade that is drawn before the marks. */
export function drawEventBands(
  events: readonly TimelineEvent[],
  x: Scale,
  [bottom, top]: readonly [number, number],
): Markup[] {
  return events.map(({ atMs, untilMs = atMs }) =>
    markup`<rect class="span" x="${x.place(atMs)}" y="${top}" width="${
      round(x.place(untilMs) - x.place(atMs))
    }" height="${bottom - top}"/>`
  );
}

/**
 * A line where an event began and a bracket above the plot for as long as it lasted, numbered as in
 * {@linkcode listEvents}; drawn after the marks.
 */
export function drawEvents(
  events: readonly TimelineEvent[],
  x: Scale,
  [bottom, top]: readonly [number, number],
): Markup[] {
  let free = 0;
  return events.map(({ atMs, untilMs = atMs, text }, index) => {
    const left = x.place(atMs);
    const number = String(index + 1);
    const width = DIGIT_WIDTH * number.length;
    const center = Math.min(Math.max(left, free + width / 2 + 2), X_RANGE[1] + 12);
    free = center + width / 2;
    return markup`<g class="event"><title>${text}</title><path class="bracket" d="M${left} ${
      top - 3
    }H${x.place(untilMs)}"/><path d="M${left} ${top - 5}V${bottom}"/><text x="${
      round(center)
    }" y="${top - 10}" text-anchor="middle">${number}</text></g>`;
  });
}

/** The numbered list that the marks refer to. */
export function listEvents(events: readonly TimelineEvent[]): Markup | null {
  if (events.length === 0) return null;
  return markup`<ol class="events">${
    events.map(({ atMs, untilMs, text }) =>
      markup`<li>${seconds(atMs)}${
        untilMs !== undefined && markup` to ${seconds(untilMs)}`
      } s: ${text}</li>`
    )
  }</ol>`;
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(2);
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}
