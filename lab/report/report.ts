/**
 * What every form of the report is made from: a run, its experiments, and their samples.
 *
 * @module
 */
import type { ExperimentResult, HeadlineRow, Run } from "../results.ts";
import type { SampleSource } from "./charts/rows.ts";

/** A run as read from disk. */
export interface Report {
  run: Run;
  /** In the order of the run. */
  experiments: readonly ExperimentResult[];
  /** Samples by path relative to the run directory. */
  samples: SampleSource;
}

/** The words for an outcome; never colour alone. */
export const OUTCOME_TEXT = {
  held: "✓ held",
  failed: "✗ failed",
  inconclusive: "? inconclusive",
} as const;

/** The rows of the first table with the experiment that each comes from. */
export function headlineRows(report: Report): { experiment: string; row: HeadlineRow }[] {
  return report.experiments.flatMap(({ declaration, headline }) =>
    headline.map((row) => ({ experiment: declaration.name, row }))
  );
}

/** Machine, date and commit in one line: every published figure carries it. */
export function provenance({ environment, startedAt, mode, trialsPerCell }: Run): string {
  const { host, tools, commit, dirty } = environment;
  const versions = Object.entries(tools).filter(([, version]) => version !== null)
    .map(([name, version]) => `${name} ${version}`).join(", ");
  return [
    `${host.cpuModel ?? host.arch}, ${host.cores} cores, ${host.os} ${host.kernel}`,
    versions,
    startedAt,
    `commit ${commit?.slice(0, 12) ?? "unknown"}${dirty ? " with changes" : ""}`,
    `${mode} run, at most ${trialsPerCell} trial${trialsPerCell === 1 ? "" : "s"} per cell`,
  ].join("; ");
}

/** `replicas=3, policy=least-conn`; `all` for a measure of the whole experiment. */
export function cellText(levels: Readonly<Record<string, string | number>>): string {
  const parts = Object.entries(levels).map(([factor, level]) => `${factor}=${level}`);
  return parts.length === 0 ? "all" : parts.join(", ");
}
