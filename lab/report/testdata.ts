/**
 * A small run with charts of every kind, made by rule: for the tests of the report only.
 *
 * @module
 */
import { join } from "node:path";
import type { Interval } from "../measures.ts";
import { type Environment, type ExperimentResult, RESULTS_VERSION, type Run } from "../results.ts";
import { CALM_PATH, SAMPLES_PATH, samplesByPath } from "./testdata_samples.ts";

/** An interval with bounds a tenth to each side. */
export function interval(estimate: number, n = 5): Interval {
  return {
    estimate,
    low: estimate * 0.9,
    high: estimate * 1.1,
    level: 0.95,
    n,
    method: "bootstrap percentile",
  };
}

const environment: Environment = {
  host: {
    os: "linux",
    kernel: "6.1.0",
    arch: "x86_64",
    cpuModel: "Test CPU <model> & sons",
    cores: 2,
    memoryBytes: 8e9,
    cgroupCpuMax: null,
    virtualization: null,
  },
  tools: { deno: "2.9.6", nginx: "1.22.1", docker: null },
  commit: "0123456789abcdef",
  dirty: false,
  loadAverage: [0.1, 0.2, 0.3],
};

/** A finished run of one experiment. */
export const run: Run = {
  version: RESULTS_VERSION,
  id: "2026-01-01T00-00-00Z-0123456",
  startedAt: "2026-01-01T00:00:00Z",
  endedAt: "2026-01-01T00:05:00Z",
  mode: "quick",
  status: "complete",
  seed: 7,
  trialsPerCell: 5,
  command: "deno task bench --quick",
  environment,
  experiments: ["cpu-block"],
  warnings: [],
};

const alternative = "A chart for tests";
const series = [
  { label: "round-robin", paths: [SAMPLES_PATH] },
  { label: "least-conn", paths: [CALM_PATH] },
];
const events = [
  { atMs: 0, untilMs: 3_000, kind: "block", text: "gateway-1 blocks for 3 s" },
  // Closer to each other than their numbers are wide, and at the very end.
  { atMs: 3_500, kind: "kill", text: "SIGKILL to gateway-2" },
  { atMs: 3_520, untilMs: 4_100, kind: "restart", text: "gateway-2 starts again" },
  { atMs: 5_995, kind: "end", text: "the last request" },
];

/** One experiment with every kind of chart, a warning and a failed claim. */
export const experiment: ExperimentResult = {
  version: RESULTS_VERSION,
  declaration: {
    name: "cpu-block",
    title: "One blocked replica",
    question: "What cures CPU-bound work: replicas, policy, or offloading?",
    hypotheses: [
      { id: "share", text: "A third of the requests is delayed (within 10 %)." },
      { id: "cure", text: "Offloading is 100x better <b>at least</b>." },
    ],
    theory: "phi = B / (N T)",
    factors: [{ name: "replicas", description: "gateway replicas", levels: [1, 3] }],
    method: "Open loop, 200/s for 6 s.",
  },
  status: "complete",
  answer: "Offloading cures it.",
  outcome: "failed",
  verdicts: [
    { hypothesis: "share", outcome: "held", sentence: "33 % were delayed." },
    { hypothesis: "cure", outcome: "failed", sentence: "It was 90x." },
  ],
  headline: [{
    lever: "offload CPU work (1 replica)",
    measure: "p99 of light requests",
    from: "2.83 s",
    to: "31 ms",
    ratio: interval(90),
    outcome: "failed",
  }],
  metrics: [{
    name: "p99",
    title: "p99 of light requests",
    unit: "ms",
    levels: { replicas: 3, policy: "round-robin" },
    value: interval(2_830),
    perTrial: [{ trial: "001", value: 2_830 }],
    theory: 2_820,
    better: "lower",
  }],
  charts: [
    { kind: "spectrum", id: "spectrum", title: "Latency by percentile", alternative, series },
    { kind: "scatter", id: "scatter", title: "The blocking triangle", alternative, series, events },
    {
      kind: "timeline",
      id: "timeline",
      title: "Second by second",
      alternative,
      series,
      bucketMs: 250,
      delayedAboveMs: 100,
      events,
    },
    {
      kind: "curve",
      id: "curve",
      title: "Throughput by replicas",
      alternative,
      x: { label: "replicas", unit: "" },
      y: { label: "capacity", unit: "requests/s" },
      series: [{
        label: "measured",
        points: [1, 2, 3, 4, 5, 6].map((x) => ({ x, y: interval(95 * x) })),
      }, {
        label: "behind Caddy",
        points: [1, 2, 3, 4, 5, 6].map((x) => ({ x, y: interval(80 * x - 4 * x ** 2) })),
      }],
      ideal: [{ x: 1, y: 100 }, { x: 6, y: 600 }],
      fit: {
        label: "USL fit",
        points: [1, 2, 3, 4, 5, 6].map((x) => ({ x, y: 96 * x, low: 90 * x, high: 99 * x })),
      },
    },
    {
      kind: "bars",
      id: "bars",
      title: "p99 by policy",
      alternative,
      axis: { label: "p99", unit: "ms" },
      scale: "log",
      rows: [
        { label: "round-robin", group: "inline", value: interval(2_830), theory: 2_820 },
        { label: "least-conn", group: "inline", value: interval(5), theory: null },
        { label: "round-robin", group: "offload", value: interval(31), theory: null },
      ],
    },
    {
      kind: "bars",
      id: "bars-linear",
      title: "Requests that waited",
      alternative,
      axis: { label: "share", unit: "%" },
      scale: "linear",
      rows: [
        { label: "round-robin, 3 replicas, nginx, kept-alive", value: interval(33), theory: 32.2 },
        { label: "least-conn", value: interval(0.4), theory: 0 },
        // One trial has no interval.
        { label: "ip-hash", value: { ...interval(100), low: null, high: null }, theory: 96.7 },
      ],
    },
    {
      kind: "histogram",
      id: "histogram",
      title: "What one probe would have reported",
      alternative,
      axis: { label: "improvement", unit: "x" },
      scale: "log",
      series: [{
        label: "one probe",
        values: Array.from({ length: 100 }, (_, index) => index % 3 === 0 ? 1.1 : 20 + index),
      }, {
        label: "1,200 requests",
        values: Array.from({ length: 100 }, (_, index) => 85 + index % 10),
      }],
      marks: [
        { value: 457, text: "the document: 457x" },
        { value: 90, text: "honest: 90x" },
      ],
    },
  ],
  warnings: [{ code: "few-trials", message: "Intervals are wide.", severity: "caution" }],
  commands: ["deno task bench cpu-block --seed 7"],
  trials: { used: ["001", "002"], invalid: [] },
  durationMs: 60_000,
};

/** Writes the run into a directory as the lab would. */
export async function writeRun(directory: string): Promise<void> {
  await Deno.mkdir(join(directory, "cpu-block"), { recursive: true });
  await Deno.writeTextFile(join(directory, "run.json"), JSON.stringify(run));
  await Deno.writeTextFile(
    join(directory, "cpu-block", "experiment.json"),
    JSON.stringify(experiment),
  );
  await Promise.all([...samplesByPath].map(async ([path, samples]) => {
    await Deno.mkdir(join(directory, path, ".."), { recursive: true });
    const zipped = new Blob([JSON.stringify(samples)]).stream()
      .pipeThrough(new CompressionStream("gzip"));
    await Deno.writeFile(join(directory, path), zipped);
  }));
}
