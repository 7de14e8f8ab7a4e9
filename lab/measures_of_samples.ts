/**
 * What experiments measure of samples: latency percentiles, failures, delays, shares by replica.
 *
 * @module
 */
import { isAnswered, isGood, type Sample } from "./load/sample.ts";
import { jainFairness } from "./stats/fairness.ts";
import { mean, percentile } from "./stats/percentile.ts";

/**
 * A latency percentile of the answered requests, whatever the status. A request that was refused at once or gave up after
 * its timeout has no latency: it is a failure, and those are counted apart.
 *
 * @returns NaN when none was answered
 */
export function latencyMs(samples: readonly Sample[], p: number): number {
  return percentile(samples.filter(isAnswered).map((sample) => sample.latencyMs), p);
}

/** Mean latency of the answered requests; NaN when there is none. */
export function meanLatencyMs(samples: readonly Sample[]): number {
  return mean(samples.filter(isAnswered).map((sample) => sample.latencyMs));
}

/** The share of requests that took longer than this. */
export function shareAbove(samples: readonly Sample[], thresholdMs: number): number {
  return samples.filter(({ latencyMs }) => latencyMs > thresholdMs).length / samples.length;
}

/** Requests that got no complete response of status below 400. */
export function failures(samples: readonly Sample[]): number {
  return samples.filter((sample) => !isGood(sample)).length;
}

/** Failures by reason, most frequent first, such as `503: 9, refused: 3`; empty when there are none. */
export function failureReasons(samples: readonly Sample[]): string {
  const failed = samples.filter((sample) => !isGood(sample));
  return [...Map.groupBy(failed, ({ error, status }) => error ?? String(status))]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([reason, those]) => `${reason}: ${those.length}`)
    .join(", ");
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
