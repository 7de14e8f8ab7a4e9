/**
 * The small words of the lab's results: levels, intervals, outcomes, warnings, events.
 *
 * @module
 */
import { z } from "zod";

/** Version of all schemas of the results; a reader refuses what it does not know. */
export const RESULTS_VERSION = 1;

/** How far a claim was borne out. */
export const outcomeSchema = z.enum(["held", "failed", "inconclusive"]);
/** `held`, `failed` or `inconclusive` (too few or invalid trials to say). */
export type Outcome = z.infer<typeof outcomeSchema>;

/** Units that a measure can have; `ratio` and `share` are plain numbers. */
export const unitSchema = z.enum([
  "ms",
  "s",
  "requests/s",
  "µs/request",
  "ratio",
  "share",
  "count",
  "bytes",
  "cores",
]);
/** Unit of a measure. */
export type Unit = z.infer<typeof unitSchema>;

/** One setting of one factor. */
export const levelSchema = z.union([z.string(), z.number()]);
/** Levels by factor name: the identity of a cell of the design. */
export const levelsSchema = z.record(z.string(), levelSchema);
/** Levels by factor name, such as `{ replicas: 3, policy: "least-conn" }`. */
export type Levels = z.infer<typeof levelsSchema>;

/** An estimate with its interval over trials. `low` and `high` are null with fewer than two trials. */
export const intervalSchema = z.object({
  estimate: z.number(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  /** Nominal coverage, such as 0.95. */
  level: z.number().gt(0).lt(1),
  /** Independent observations (trials or pairs of trials), not requests. */
  n: z.int().nonnegative(),
  /** How it was made, such as `bootstrap percentile`. */
  method: z.string(),
  /** What a reader must know to read it right; follows the number in sentences. */
  note: z.string().optional(),
});
/** An estimate with its interval. */
export type Interval = z.infer<typeof intervalSchema>;

/** A caution that the reader must see. Data, so that every report shows it. */
export const warningSchema = z.object({
  /** Stable name for programs, such as `generator-bottleneck`, `outlier`, `few-trials`, `steal`. */
  code: z.string(),
  /** One sentence with the numbers in it. */
  message: z.string(),
  /** `invalid`: what it is about is not reported as a result; `caution`: read it with care. */
  severity: z.enum(["caution", "invalid"]),
  /** Name of the experiment that a warning of a whole run is about, when it is about one. */
  experiment: z.string().optional(),
  /** Id of the trial that it is about, when it is about one. */
  trial: z.string().optional(),
});
/** A caution. */
export type Warning = z.infer<typeof warningSchema>;

/** Something that happened during a trial. */
export const eventSchema = z.object({
  atMs: z.number(),
  /** End of the event when it lasted, such as a block. */
  untilMs: z.number().optional(),
  /** Stable name, such as `kill`, `scale`, `block`, `front`, `policy`, `hang`, `recover`. */
  kind: z.string(),
  text: z.string(),
  instance: z.string().optional(),
});
/** Something that happened during a trial. */
export type TimelineEvent = z.infer<typeof eventSchema>;
