/**
 * Reads a run from disk and writes its reports beside it; the same input always gives the same bytes.
 *
 * @module
 */
import { join } from "node:path";
import {
  type ExperimentResult,
  experimentResultSchema,
  RESULTS_VERSION,
  runSchema,
  type SamplesFile,
  samplesFileSchema,
} from "../results.ts";
import { renderHtml } from "./html.ts";
import { renderMarkdown } from "./markdown.ts";
import type { Report } from "./report.ts";

/**
 * Reads a run with the samples that its charts draw.
 *
 * @param directory such as `bench-results/RUN`
 * @throws {Error} when a file is missing or does not follow the schema; names the file
 */
export async function readReport(directory: string): Promise<Report> {
  const run = await readJson(join(directory, "run.json"), (value) => runSchema.parse(value));
  const experiments = (await Promise.all(
    run.experiments.map((name) => readExperiment(join(directory, name, "experiment.json"))),
  )).filter((experiment) => experiment !== null);
  const paths = new Set(
    experiments.flatMap(({ charts }) =>
      charts.flatMap((chart) =>
        chart.kind === "spectrum" || chart.kind === "scatter" || chart.kind === "timeline"
          ? chart.series.flatMap((series) => series.paths)
          : []
      )
    ),
  );
  const samples = new Map(
    await Promise.all(
      [...paths].map(async (path) => [path, await readSamples(join(directory, path))] as const),
    ),
  );
  return {
    run,
    experiments,
    samples: (path) => {
      const file = samples.get(path);
      if (!file) throw new RangeError(`Cannot draw "${path}": no chart names these samples`);
      return file;
    },
  };
}

/** Writes `report.html`, `report.md` and `report.json` into the run directory. */
export async function writeReports(directory: string): Promise<void> {
  const report = await readReport(directory);
  const { run, experiments } = report;
  const json = { version: RESULTS_VERSION, run, experiments };
  await Promise.all([
    Deno.writeTextFile(join(directory, "report.html"), renderHtml(report)),
    Deno.writeTextFile(join(directory, "report.md"), renderMarkdown(report)),
    Deno.writeTextFile(join(directory, "report.json"), JSON.stringify(json, null, 2) + "\n"),
  ]);
}

/** One sample file; gzip'd JSON in columns. */
async function readSamples(path: string): Promise<SamplesFile> {
  const file = await Deno.open(path);
  const text = await new Response(file.readable.pipeThrough(new DecompressionStream("gzip")))
    .text();
  return parseNamed(path, text, (value) => samplesFileSchema.parse(value));
}

/** An experiment that was interrupted before it had a result is left out. */
async function readExperiment(path: string): Promise<ExperimentResult | null> {
  try {
    return await readJson(path, (value) => experimentResultSchema.parse(value));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function readJson<T>(path: string, parse: (value: unknown) => T): Promise<T> {
  return parseNamed(path, await Deno.readTextFile(path), parse);
}

function parseNamed<T>(path: string, text: string, parse: (value: unknown) => T): T {
  try {
    return parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`Cannot read results: "${path}" must follow the schema of lab/results.ts`, {
      cause,
    });
  }
}
