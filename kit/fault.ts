/**
 * A fault as data: whom it hits, how often, and what it does.
 *
 * @module
 */
import { z } from "zod";

const ms = z.number().min(0).max(600_000);

/** Schema of {@linkcode LatencyDistribution}. */
export const latencyDistributionSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("fixed"), ms }),
  z.strictObject({ kind: z.literal("uniform"), minMs: ms, maxMs: ms })
    .refine(({ minMs, maxMs }) => minMs <= maxMs, {
      path: ["maxMs"],
      message: "must not be less than minMs",
    }),
  z.strictObject({
    kind: z.literal("lognormal"),
    medianMs: ms,
    /** Standard deviation of the logarithm. */
    sigma: z.number().min(0).max(5),
    /** What is longer is cut to this. */
    maxMs: ms.default(60_000),
  }),
]);
/** How long a request is delayed. */
export type LatencyDistribution = z.output<typeof latencyDistributionSchema>;

const effect = z.discriminatedUnion("kind", [
  /** Delays, then goes on. */
  z.strictObject({ kind: z.literal("latency"), distribution: latencyDistributionSchema }),
  /** Answers at once without doing anything. */
  z.strictObject({ kind: z.literal("error"), status: z.int().min(400).max(599).default(500) }),
  /** Does not answer until the client leaves or the faults change. */
  z.strictObject({ kind: z.literal("hang") }),
  /** Breaks the connection in the middle of the answer. */
  z.strictObject({ kind: z.literal("drop") }),
]);

const share = z.union([
  z.strictObject({ percent: z.number().min(0).max(100) }),
  z.strictObject({ every: z.int().min(1).max(1_000_000) }),
]);

/** Schema of {@linkcode Fault}. */
export const faultSchema = z.strictObject({
  /** A path (`/orders`), a path and all below it (`/orders/*`), or `*`. */
  route: z.string().regex(/^(\*|\/[^*?#]*\*?)$/, "must be a path, optionally ending in /*, or *")
    .refine((route) => route === "*" || !route.includes("*") || route.endsWith("/*"), {
      message: "must be a path, optionally ending in /*, or *",
    }).default("*"),
  method: z.enum(["GET", "POST"]).optional(),
  /** Which of the requests on the route: a percentage at random, or every n-th. */
  share: share.default({ percent: 100 }),
  effect,
});
/** One fault. */
export type Fault = z.output<typeof faultSchema>;

/** Schema of the body of `PUT /faults`. */
export const faultListSchema = z.strictObject({ faults: z.array(faultSchema).max(20) });
/** All faults of an instance; each request meets them in this order. */
export type FaultList = z.output<typeof faultListSchema>;

/** Draws one latency; `random` is uniform in [0, 1). */
export function sampleLatencyMs(
  distribution: LatencyDistribution,
  random: () => number,
): number {
  switch (distribution.kind) {
    case "fixed":
      return distribution.ms;
    case "uniform": {
      const { minMs, maxMs } = distribution;
      return minMs + (maxMs - minMs) * random();
    }
    case "lognormal": {
      const { medianMs, sigma, maxMs } = distribution;
      return Math.min(maxMs, medianMs * Math.exp(sigma * standardNormal(random)));
    }
  }
}

/** Box and Muller, A Note on the Generation of Random Normal Deviates (1958). */
function standardNormal(random: () => number): number {
  // 1 - random() is never 0, whose logarithm is infinite.
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
