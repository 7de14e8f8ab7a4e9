/**
 * Records one trial: everything that an experiment does through its context ends up in `trial.json` and samples files.
 *
 * @module
 */
import type { CpuWork, CpuWorkOf } from "./cpu_work.ts";
import { watchMachine } from "./environment.ts";
import type { LabStack, TrialContext } from "./experiment.ts";
import { type OhaOptions, type OhaResult, runOha } from "./load/oha.ts";
import { type ProbeOptions, type RunningProbe, startProbe } from "./load/prober.ts";
import { type Sample, toColumns } from "./load/sample.ts";
import { brokenLaw } from "./load/littles_law.ts";
import type { ResultStore } from "./result_store.ts";
import {
  type Generator,
  type Levels,
  RESULTS_VERSION,
  type TimelineEvent,
  type Trial,
} from "./results.ts";
import { createRandom, type Random } from "./stats/random.ts";

/** Above this share of stolen CPU time a trial is marked. */
const STEAL_CAUTION = 0.05;

/** Options of {@linkcode TrialRecorder}. */
export interface TrialRecorderOptions {
  store: ResultStore;
  experiment: string;
  id: string;
  levels: Levels;
  repetition: number;
  quick: boolean;
  /** Of the run. */
  seed: number;
  stack: LabStack | null;
  /** Of the run: all its trials do the same work. */
  cpuWork: CpuWorkOf;
  /** Of the run; the trial's own ends with the trial as well. */
  signal: AbortSignal;
}

/** Code of the warning of a trial that ended with an error. */
export const TRIAL_ERROR = "trial-error";

/** The context of a trial, and its record. */
export class TrialRecorder implements TrialContext {
  readonly levels: Levels;
  readonly repetition: number;
  readonly quick: boolean;
  readonly signal: AbortSignal;
  readonly random: Random;
  readonly #options: TrialRecorderOptions;
  readonly #startedAt = performance.timeOrigin + performance.now();
  readonly #machine = watchMachine();
  readonly #ended = new AbortController();
  readonly #pending: Promise<unknown>[] = [];
  /** Samples by label, until the trial is finished. */
  readonly collected: Map<string, readonly Sample[]> = new Map<string, readonly Sample[]>();
  readonly #trial: Trial;

  constructor(options: TrialRecorderOptions) {
    this.#options = options;
    const { experiment, id, levels, repetition, quick, seed, signal } = options;
    this.levels = levels;
    this.repetition = repetition;
    this.quick = quick;
    this.signal = AbortSignal.any([signal, this.#ended.signal]);
    this.random = createRandom(seed + Number(id));
    this.#trial = {
      version: RESULTS_VERSION,
      experiment,
      id,
      levels,
      repetition,
      startedAtEpochMs: this.#startedAt,
      durationMs: 0,
      loadAverage1: null,
      stealShare: null,
      samples: [],
      oha: [],
      events: [],
      observations: {},
      data: {},
      warnings: [],
      valid: true,
    };
  }

  get stack(): LabStack {
    const { stack, experiment } = this.#options;
    if (!stack) throw new TypeError(`Cannot run ${experiment}: it must declare a stack to use one`);
    return stack;
  }

  elapsedMs(): number {
    return performance.timeOrigin + performance.now() - this.#startedAt;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        clearTimeout(timer);
        reject(this.signal.reason);
      };
      const timer = setTimeout(() => {
        this.signal.removeEventListener("abort", abort);
        resolve();
      }, ms);
      if (this.signal.aborted) abort();
      else this.signal.addEventListener("abort", abort, { once: true });
    });
  }

  async probe(label: string, options: Omit<ProbeOptions, "signal">): Promise<RunningProbe> {
    const running = await startProbe({ ...options, signal: this.signal });
    const kept = running.result.then(async ({ samples, generator, plan, startedAtEpochMs }) => {
      const offsetMs = startedAtEpochMs - this.#startedAt;
      this.collected.set(
        label,
        samples.map((sample) => ({ ...sample, intendedMs: sample.intendedMs + offsetMs })),
      );
      const file = toColumns(samples, {
        label,
        url: plan.targets[0]?.url ?? "",
        ratePerSecond: plan.ratePerSecond,
        connections: plan.connections,
        generator,
        targets: plan.targets.map(({ method, url }) => method === "GET" ? url : `${method} ${url}`),
        offsetMs,
      });
      const path = await this.#options.store.writeSamples(this.#trial, file);
      this.#trial.samples.push({ label, path, count: samples.length, generator });
      this.#judge(label, generator);
    });
    this.#watch(kept);
    return running;
  }

  async oha(
    label: string,
    options: Omit<OhaOptions, "signal">,
    { bottleneck = "invalid" }: { bottleneck?: "invalid" | "caution" } = {},
  ): Promise<OhaResult> {
    const running = runOha({ ...options, signal: this.signal });
    this.#watch(running);
    const result = await running;
    const { args, requests, output, generator } = result;
    this.#trial.oha.push({ label, args, requests, output, generator });
    this.#judge(label, generator, bottleneck);
    const broken = brokenLaw(result, options);
    if (broken) this.warn("littles-law", `"${label}": ${broken}`);
    return result;
  }

  async cpuWork(ms: number): Promise<CpuWork> {
    const work = await this.#options.cpuWork(ms);
    this.observe("rounds", work.rounds);
    this.observe("workMs", work.workMs);
    return work;
  }

  event(event: Omit<TimelineEvent, "atMs"> & { atMs?: number }): void {
    this.#trial.events.push({ atMs: this.elapsedMs(), ...event });
  }

  observe(name: string, value: number): void {
    this.#trial.observations[name] = value;
  }

  keep(name: string, value: unknown): void {
    this.#trial.data[name] = value;
  }

  warn(code: string, message: string, severity: "caution" | "invalid" = "caution"): void {
    this.#trial.warnings.push({ code, message, severity, trial: this.#trial.id });
    if (severity === "invalid") this.#trial.valid = false;
  }

  /** Waits for probes that still run, closes the record and writes it. */
  async finish(): Promise<Trial> {
    await Promise.all(this.#pending);
    return await this.#close();
  }

  /** Ends a trial that threw: stops and awaits all load, so that none runs into the next, and keeps it as invalid. */
  async fail(error: unknown): Promise<Trial> {
    await this.stop(error);
    const message = `The trial ended with an error: ${
      error instanceof Error ? error.message : error
    }`;
    this.warn(TRIAL_ERROR, message, "invalid");
    return await this.#close();
  }

  /** Stops all load and waits for its end; writes nothing. */
  async stop(reason: unknown): Promise<void> {
    this.#ended.abort(reason);
    await Promise.allSettled(this.#pending);
  }

  async #close(): Promise<Trial> {
    const { loadAverage1, stealShare } = this.#machine.stop();
    Object.assign(this.#trial, { loadAverage1, stealShare, durationMs: this.elapsedMs() });
    if (stealShare !== null && stealShare > STEAL_CAUTION) {
      const share = `${(100 * stealShare).toFixed(1)} %`;
      this.warn("steal", `Other machines took ${share} of the CPU time during this trial`);
    }
    await this.#options.store.writeTrial(this.#trial);
    return this.#trial;
  }

  #watch(load: Promise<unknown>): void {
    load.catch(() => {}); // finish() tells
    this.#pending.push(load);
  }

  #judge(
    label: string,
    { bottleneck, tool, lateP99Ms, cpuCores }: Generator,
    severity: "invalid" | "caution" = "invalid",
  ): void {
    if (!bottleneck) return;
    const late = lateP99Ms === null ? "" : `, p99 of late sends ${lateP99Ms.toFixed(1)} ms`;
    const used = cpuCores === null ? "" : `, ${cpuCores.toFixed(2)} cores`;
    this.warn(
      "generator-bottleneck",
      `The load generator (${tool}, "${label}"${used}${late}) was the bottleneck: not a result`,
      severity,
    );
  }
}
