/**
 * Charts as data: what an experiment wants drawn and from which samples. `lab/report` draws them.
 *
 * @module
 */
import { z } from "zod";
import { eventSchema, intervalSchema } from "./measures.ts";

/** Which samples a series draws: the files of some trials. */
const series = z.object({ label: z.string(), paths: z.array(z.string()).min(1) });
const chartBase = {
  /** Stable name inside the experiment. */
  id: z.string(),
  title: z.string(),
  /** The text alternative: what the chart shows and the numbers that matter. */
  alternative: z.string(),
};
const axis = z.object({ label: z.string(), unit: z.string() });

/** A chart as data; `lab/report` draws it. */
export const chartSchema = z.discriminatedUnion("kind", [
  /** Latency by percentile (x: 0, 50, 90, 99, 99.9 ... on a log tail scale; y: ms, log). Failures are left out. */
  z.object({ kind: z.literal("spectrum"), ...chartBase, series: z.array(series).min(1) }),
  /** Latency (y) by intended send time (x), a dot a request, failures marked: shows the blocking triangle. */
  z.object({
    kind: z.literal("scatter"),
    ...chartBase,
    series: z.array(series).min(1),
    events: z.array(eventSchema),
  }),
  /** Per bucket of time: good answers/s, failures/s, delayed requests, with events as marks. */
  z.object({
    kind: z.literal("timeline"),
    ...chartBase,
    series: z.array(series).min(1),
    bucketMs: z.number().positive(),
    /** A request slower than this is drawn as delayed. */
    delayedAboveMs: z.number().positive(),
    events: z.array(eventSchema),
  }),
  /** Points with intervals on a numeric x axis, an ideal line and a fitted curve with its band. */
  z.object({
    kind: z.literal("curve"),
    ...chartBase,
    x: axis,
    y: axis,
    series: z.array(z.object({
      label: z.string(),
      points: z.array(z.object({ x: z.number(), y: intervalSchema })),
    })).min(1),
    ideal: z.array(z.object({ x: z.number(), y: z.number() })).nullable(),
    fit: z.object({
      label: z.string(),
      points: z.array(z.object({
        x: z.number(),
        y: z.number(),
        low: z.number().nullable(),
        high: z.number().nullable(),
      })),
    }).nullable(),
  }),
  /** A bar (or dot) with interval a row; `theory` is drawn as a tick. */
  z.object({
    kind: z.literal("bars"),
    ...chartBase,
    axis,
    scale: z.enum(["linear", "log"]),
    rows: z.array(z.object({
      label: z.string(),
      /** Rows of one group are drawn together. */
      group: z.string().optional(),
      value: intervalSchema,
      theory: z.number().nullable(),
    })).min(1),
  }),
  /** How often each value occurred, with named marks. */
  z.object({
    kind: z.literal("histogram"),
    ...chartBase,
    axis,
    scale: z.enum(["linear", "log"]),
    series: z.array(z.object({ label: z.string(), values: z.array(z.number()) })).min(1),
    marks: z.array(z.object({ value: z.number(), text: z.string() })),
  }),
]);
/** A chart as data. */
export type Chart = z.infer<typeof chartSchema>;
