/**
 * What experiments measure of samples: latency percentiles, failures, delays, shares by replica.
 *
 * @module
 */
import { isGood, type Sample } from "./load/sample.ts";
import { jainFairness } from "./stats/fairness.ts";
import { percentile } from "./stats/percentile.ts";

/** A latency percentile of all requests, failed ones with the time until they failed. */
export function latencyMs(samples: readonly Sample[], p: number): number {
  return percentile(samples.map((sample) => sample.latencyMs), p);
}

/** Mean latency of all requests. */
export function meanLatencyMs(samples: readonly Sample[]): number {
  return samples.reduce((sum, { latencyMs }) => sum + latencyMs, 0) / samples.length;
}

/** The share of requests that took longer than this. */
export function shareAbove(samples: readonly Sample[], thresholdMs: number): number {
  return samples.filter(({ latencyMs }) => latencyMs > thresholdMs).length / samples.length;
}

/** Requests that got no complete response of status below 400. */
export function failures(samples: readonly Sample[]): number {
  return samples.filter((sample) => !isGood(sample)).length;
}

/** Good responses by replica. */
export function byInstance(samples: readonly Sample[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const sample of samples) {
    if (sample.instance !== null && isGood(sample)) {
      counts.set(sample.instance, (counts.get(sample.instance) ?? 0) + 1);
    }
  }
  return counts;
}

/** Jain's index over all replicas that were there, whether or not any request reached them. */
export function fairness(samples: readonly Sample[], replicas: number): number {
  const counts = [...byInstance(samples).values()];
  const silent = Math.max(0, replicas - counts.length);
  return jainFairness([...counts, ...Array<number>(silent).fill(0)]);
}
