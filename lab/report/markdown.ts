/**
 * The report as Markdown: the same first table and verdicts, for a README, a wiki or a pull request.
 *
 * @module
 */
import type { ExperimentResult } from "../results.ts";
import { formatInterval, formatValue } from "./format.ts";
import { cellText, headlineRows, OUTCOME_TEXT, provenance, type Report } from "./report.ts";

/** Renders the whole document. */
export function renderMarkdown(report: Report): string {
  const { run } = report;
  const parts = [
    "# What each scaling lever bought",
    provenance(run),
    ...(run.status === "complete" ? [] : [`**This run is ${run.status}.**`]),
    ...run.warnings.map(({ message }) => `> ${message}`),
    renderHeadlineTable(report),
    ...report.experiments.map(renderExperiment),
    `Made from raw samples by \`${run.command}\`, seed ${run.seed}. Intervals are over trials.`,
  ];
  return parts.join("\n\n") + "\n";
}

/** Only the table lever -> what it bought -> verdict; `README.md` takes this part. */
export function renderHeadlineTable(report: Report): string {
  return table(
    ["Lever", "Measured by", "From", "To", "It bought", "Verdict"],
    headlineRows(report).map(({ row }) => [
      row.lever,
      row.measure,
      row.from,
      row.to,
      formatInterval(row.ratio, "ratio"),
      OUTCOME_TEXT[row.outcome],
    ]),
  );
}

function renderExperiment(experiment: ExperimentResult): string {
  const { declaration, answer, outcome, verdicts, metrics, warnings, commands } = experiment;
  return [
    `## ${declaration.title}`,
    `**${declaration.question}**`,
    `${answer} (${OUTCOME_TEXT[outcome]}${
      experiment.status === "complete" ? "" : `; ${experiment.status}`
    })`,
    ...(warnings.length > 0 ? [warnings.map(({ message }) => `> ${message}`).join("\n>\n")] : []),
    declaration.hypotheses.map(({ id, text }) => {
      const verdict = verdicts.find(({ hypothesis }) => hypothesis === id);
      return `- ${text}${verdict ? ` ${OUTCOME_TEXT[verdict.outcome]}: ${verdict.sentence}` : ""}`;
    }).join("\n"),
    table(
      ["Measure", "Cell", "Value [interval]", "Theory", "n"],
      metrics.map(({ title, unit, levels, value, theory }) => [
        title,
        cellText(levels),
        formatInterval(value, unit),
        theory === null ? "" : formatValue(theory, unit),
        String(value.n),
      ]),
    ),
    "```sh\n" + commands.join("\n") + "\n```",
  ].join("\n\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
