/**
 * The records of a run: trials and samples as they were taken. Everything else is computed from them.
 *
 * @module
 */
import { z } from "zod";
import { eventSchema, levelsSchema, RESULTS_VERSION, warningSchema } from "./measures.ts";

const version = z.literal(RESULTS_VERSION);

/** How the load generator fared: the reason to believe or refuse the samples. */
export const generatorSchema = z.object({
  tool: z.enum(["prober", "oha"]),
  /** Its own CPU time over the run, in cores; null when not known. */
  cpuCores: z.number().nullable(),
  /** p99 and maximum of actual minus intended send time; null where the tool does not say (oha). */
  lateP99Ms: z.number().nullable(),
  lateMaxMs: z.number().nullable(),
  /** Whether the generator itself limited the run. */
  bottleneck: z.boolean(),
});
/** How the load generator fared. */
export type Generator = z.infer<typeof generatorSchema>;

/**
 * Samples of one probe in columns of equal length, row = one request, ordered by intended send time.
 * `status` is 0 when no response came. `error`, `instance` and `target` are indices into the dictionaries,
 * -1 for none. `reused` is 1 for a kept-alive connection. `retries` counts silent resends on a fresh connection.
 */
export const samplesFileSchema = z.object({
  version,
  label: z.string(),
  url: z.string(),
  ratePerSecond: z.number(),
  connections: z.enum(["fresh", "kept-alive"]),
  generator: generatorSchema,
  dictionaries: z.object({
    errors: z.array(z.string()),
    instances: z.array(z.string()),
    targets: z.array(z.string()),
  }),
  columns: z.object({
    /** When it should have been sent, from the trial's start. */
    intendedMs: z.array(z.number()),
    /** Actual minus intended send time. */
    lateMs: z.array(z.number()),
    /** From the intended send time to the last byte, or to the failure. */
    latencyMs: z.array(z.number()),
    status: z.array(z.int()),
    error: z.array(z.int()),
    instance: z.array(z.int()),
    target: z.array(z.int()),
    reused: z.array(z.int()),
    retries: z.array(z.int()),
    /** Seconds of `Retry-After`; -1 for none. */
    retryAfterS: z.array(z.number()),
  }),
});
/** Samples of one probe, in columns. */
export type SamplesFile = z.infer<typeof samplesFileSchema>;

/** One trial as it was run. */
export const trialSchema = z.object({
  version,
  experiment: z.string(),
  /** `001`, in order of execution. */
  id: z.string(),
  levels: levelsSchema,
  /** Which repetition of its cell, from 1. Trials of one repetition were run close together: pairs. */
  repetition: z.int().positive(),
  startedAtEpochMs: z.number(),
  durationMs: z.number(),
  /** Load average (1 minute) and stolen share of CPU time during the trial. */
  loadAverage1: z.number().nullable(),
  stealShare: z.number().nullable(),
  samples: z.array(z.object({
    label: z.string(),
    path: z.string(),
    count: z.int().nonnegative(),
    generator: generatorSchema,
  })),
  /** Raw answers of oha by label, as oha printed them, with the arguments that it was given. */
  oha: z.array(z.object({
    label: z.string(),
    args: z.array(z.string()),
    requests: z.int(),
    output: z.record(z.string(), z.unknown()),
    generator: generatorSchema,
  })),
  events: z.array(eventSchema),
  /** Raw numbers that are not samples, such as `gatewayCpuUs` or `throttledPeriods`. */
  observations: z.record(z.string(), z.number()),
  /** Raw answers that are neither, such as the counts that clients saw. */
  data: z.record(z.string(), z.unknown()),
  warnings: z.array(warningSchema),
  /** False when a warning of severity `invalid` was raised: kept on disk, left out of results. */
  valid: z.boolean(),
});
/** One trial as it was run. */
export type Trial = z.infer<typeof trialSchema>;
