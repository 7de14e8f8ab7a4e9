/**
 * Samples of the small run of `testdata.ts`, made by rule.
 *
 * @module
 */
import { type Sample, toColumns } from "../load/sample.ts";
import type { SamplesFile } from "../results.ts";

/** Six seconds at 200/s; every third request of the first 3 s waits for the end of a block; one fails. */
export function blockedSamples(label: string): SamplesFile {
  const samples: Sample[] = Array.from({ length: 1_200 }, (_, index) => {
    const intendedMs = index * 5;
    const blocked = index % 3 === 0 && intendedMs < 3_000;
    return {
      intendedMs,
      lateMs: 0.1,
      latencyMs: blocked ? 3_000 - intendedMs : 1 + (index % 7) / 5,
      status: index === 700 ? 0 : 200,
      error: index === 700 ? "reset" : null,
      instance: `gateway-${index % 3 + 1}`,
      target: 0,
      reused: false,
      retries: 0,
      retryAfterS: null,
    };
  });
  return toColumns(samples, {
    label,
    url: "http://127.0.0.1:8080/api/users",
    ratePerSecond: 200,
    connections: "fresh",
    generator: {
      tool: "prober",
      cpuCores: 0.05,
      lateP99Ms: 0.4,
      lateMaxMs: 1,
      bottleneck: false,
    },
    targets: ["/api/users"],
  });
}

/** The same requests with nobody in their way, a little slower each. */
export function calmSamples(label: string): SamplesFile {
  const { columns, ...rest } = blockedSamples(label);
  const latencyMs = columns.latencyMs.map((ms, index) => Math.min(ms, 2.5) + (index % 11) / 3);
  return { ...rest, columns: { ...columns, latencyMs } };
}

/** Path of {@linkcode blockedSamples} inside the run directory. */
export const SAMPLES_PATH = "cpu-block/trials/001/light.samples.json.gz";
/** Path of {@linkcode calmSamples} inside the run directory. */
export const CALM_PATH = "cpu-block/trials/002/light.samples.json.gz";
/** Every sample file of the run by its path. */
export const samplesByPath: ReadonlyMap<string, SamplesFile> = new Map([
  [SAMPLES_PATH, blockedSamples("light")],
  [CALM_PATH, calmSamples("light")],
]);
