/**
 * What a probe sends, as data that crosses the process boundary.
 *
 * @module
 */
import { z } from "zod";

/** Schema of {@linkcode ProbeTarget}. */
export const probeTargetSchema = z.object({
  url: z.url({ protocol: /^http$/ }),
  method: z.string().regex(/^[A-Z]+$/).default("GET"),
  headers: z.record(
    z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/),
    z.string().regex(/^[^\r\n]*$/),
  )
    .default({}),
  /** Sent as it is; `content-length` is added. */
  body: z.string().optional(),
  /** Address to send from, so that one machine can be many clients (any of 127.0.0.0/8 on Linux). */
  localAddress: z.ipv4().optional(),
});
/** One thing to request. */
export type ProbeTarget = z.input<typeof probeTargetSchema>;

/** Schema of {@linkcode ProbePlan}. */
export const probePlanSchema = z.object({
  /** Taken in turn, one a request. */
  targets: z.array(probeTargetSchema).min(1),
  ratePerSecond: z.number().positive().max(20_000),
  /** Requests in all. */
  count: z.int().positive().max(10_000_000),
  connections: z.enum(["fresh", "kept-alive"]).default("kept-alive"),
  /** From the intended send time to the end of the response. */
  timeoutMs: z.number().positive().default(10_000),
  /** See `ClientOptions.retryClosed`. */
  retryClosed: z.boolean().default(true),
});
/** What a probe sends, defaults filled in. */
export type ProbePlan = z.infer<typeof probePlanSchema>;
