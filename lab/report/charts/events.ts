/**
 * What happened during a trial, as marks over a time axis and as a list below it.
 *
 * @module
 */
import type { TimelineEvent } from "../../measures.ts";
import { type Markup, markup } from "../markup.ts";
import type { Scale } from "../scale.ts";

/** Bands for events that lasted and lines for those that did not, numbered as in {@linkcode listEvents}. */
export function drawEvents(
  events: readonly TimelineEvent[],
  x: Scale,
  [bottom, top]: readonly [number, number],
): Markup[] {
  return events.map((event, index) => {
    const left = x.place(event.atMs);
    const right = event.untilMs === undefined ? left : x.place(event.untilMs);
    const text = event.text;
    return markup`<g class="event"><title>${text}</title>${
      right > left
        ? markup`<rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}"/>`
        : null
    }<path d="M${left} ${top}V${bottom}"/><text x="${left + 3}" y="${top + 10}">${
      index + 1
    }</text></g>`;
  });
}

/** The numbered list that the marks refer to. */
export function listEvents(events: readonly TimelineEvent[]): Markup | null {
  if (events.length === 0) return null;
  return markup`<ol class="events">${
    events.map((event) => markup`<li>${(event.atMs / 1_000).toFixed(2)} s: ${event.text}</li>`)
  }</ol>`;
}
