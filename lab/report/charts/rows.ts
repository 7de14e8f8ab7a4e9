/**
 * The requests behind a chart's series.
 *
 * @module
 */
import { fromColumns, type Sample } from "../../load/sample.ts";
import type { SamplesFile } from "../../results.ts";

/** Gives the samples behind a path of a chart's series. */
export type SampleSource = (path: string) => SamplesFile;

/** The requests of some sample files, one file after the other. */
export function readRows(paths: readonly string[], source: SampleSource): Sample[] {
  return paths.flatMap((path) => fromColumns(source(path)));
}
