/**
 * Reads and writes the files of a run; see `results.ts` for the layout. Everything is checked against its schema on
 * the way in, so that a report never draws what it does not understand.
 *
 * @module
 */
import { gunzipSync, gzipSync } from "node:zlib";
import type { z } from "zod";
import { fromColumns, type Sample } from "./load/sample.ts";
import {
  type ExperimentResult,
  experimentResultSchema,
  type Run,
  runSchema,
  type SamplesFile,
  samplesFileSchema,
  type Trial,
  trialSchema,
} from "./results.ts";

/** One run on disk. */
export class ResultStore {
  /** The run directory, such as `bench-results/RUN`. */
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  readRun(): Promise<Run> {
    return this.#read("run.json", runSchema);
  }

  writeRun(run: Run): Promise<void> {
    return this.#write("run.json", run);
  }

  readExperiment(name: string): Promise<ExperimentResult> {
    return this.#read(`${name}/experiment.json`, experimentResultSchema);
  }

  /** Results of all experiments of the run that have any, in the order of the report. */
  async readExperiments(): Promise<ExperimentResult[]> {
    const { experiments } = await this.readRun();
    const read = await Promise.all(
      experiments.map(async (name) =>
        await exists(`${this.directory}/${name}/experiment.json`)
          ? [await this.readExperiment(name)]
          : []
      ),
    );
    return read.flat();
  }

  writeExperiment(result: ExperimentResult): Promise<void> {
    return this.#write(`${result.declaration.name}/experiment.json`, result);
  }

  /** Trials of an experiment in order of execution. */
  async readTrials(experiment: string): Promise<Trial[]> {
    const directory = `${this.directory}/${experiment}/trials`;
    if (!await exists(directory)) return [];
    const ids = (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name).sort();
    const complete = await Promise.all(
      ids.map(async (id) =>
        await exists(`${directory}/${id}/trial.json`)
          ? [await this.#read(`${experiment}/trials/${id}/trial.json`, trialSchema)]
          : [] // Interrupted: never completed, so never counted.
      ),
    );
    return complete.flat();
  }

  /** Writes the record last, so that a trial without one is known to be incomplete. */
  writeTrial(trial: Trial): Promise<void> {
    return this.#write(`${trial.experiment}/trials/${trial.id}/trial.json`, trial);
  }

  /** Writes samples and says where, relative to the run directory. */
  async writeSamples(
    trial: { experiment: string; id: string },
    samples: SamplesFile,
  ): Promise<string> {
    const path = `${trial.experiment}/trials/${trial.id}/${samples.label}.samples.json.gz`;
    await this.#writeBytes(path, gzipSync(JSON.stringify(samples)));
    return path;
  }

  async readSamplesFile(path: string): Promise<SamplesFile> {
    const text = gunzipSync(await Deno.readFile(`${this.directory}/${path}`)).toString();
    return parse(path, samplesFileSchema, text);
  }

  /** The rows of a samples file. */
  async readSamples(path: string): Promise<Sample[]> {
    return fromColumns(await this.readSamplesFile(path));
  }

  async #read<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.infer<Schema>> {
    return parse(path, schema, await Deno.readTextFile(`${this.directory}/${path}`));
  }

  #write(path: string, value: unknown): Promise<void> {
    return this.#writeBytes(path, new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`));
  }

  /** Whole or not at all: a reader never sees half a file. */
  async #writeBytes(path: string, bytes: Uint8Array): Promise<void> {
    const target = `${this.directory}/${path}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(`${target}.part`, bytes);
    await Deno.rename(`${target}.part`, target);
  }
}

function parse<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  text: string,
): z.infer<Schema> {
  const result = schema.safeParse(JSON.parse(text));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Error(
    `Cannot read ${path}: ${
      issue?.path.join(".")
    } must follow the schema, received "${issue?.message}"`,
    { cause: result.error },
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
