/**
 * The results that README.md shows: between two marks, so that a run can replace them and nothing else.
 *
 * @module
 */
import { renderHeadlineTable } from "./markdown.ts";
import { OUTCOME_TEXT, provenance, type Report } from "./report.ts";

const BEGIN = "<!-- results: written by `deno task bench --readme RUN` -->";
const END = "<!-- /results -->";
/** What was typed for a run of everything. */
const WHOLE_LAB = /^deno task bench(?: --(?:seed|out)[ =]\S+)*$/;

/**
 * The README with the results of a run in the place of those that it had.
 *
 * @param readme text with both marks
 * @throws {TypeError} when the marks are not there, or the run is one that nobody should publish: not the whole lab,
 * interrupted, of a checkout with changes, or with an experiment that ended early
 */
export function putResults(readme: string, report: Report): string {
  const { run, experiments } = report;
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END, begin);
  if (begin < 0 || end < 0) {
    throw new TypeError(`Cannot put results into the README: it must have the mark "${BEGIN}"`);
  }
  const unfit = [
    ...(run.status === "complete" ? [] : [`a run that is ${run.status}`]),
    ...(run.environment.dirty ? ["a checkout with changes"] : []),
    // Quick, narrowed, slowed down: whatever was asked for beyond the whole lab.
    ...(WHOLE_LAB.test(run.command) ? [] : [`\`${run.command}\``]),
    ...run.warnings.filter(({ severity }) => severity === "invalid").map(({ message }) => message),
  ];
  if (unfit.length > 0) {
    const rule = "the run must be a complete full run of a commit";
    throw new TypeError(
      `Cannot put results into the README: ${rule}, received ${unfit.join(", ")}`,
    );
  }
  const lines = experiments.map(({ declaration, answer, outcome }) =>
    `- **${declaration.name}** (${OUTCOME_TEXT[outcome]}): ${answer}`
  );
  const parts = [
    BEGIN,
    provenance(run),
    renderHeadlineTable(report),
    lines.join("\n"),
    ...run.warnings.map(({ message }) => `> ${message}`),
    "",
  ];
  return readme.slice(0, begin) + parts.join("\n\n") + readme.slice(end);
}
