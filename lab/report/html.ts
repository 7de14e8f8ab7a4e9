/**
 * The report as one self-contained page: no script, no network, readable in print, in the dark, with a
 * keyboard and with a screen reader.
 *
 * @module
 */
import type { ExperimentResult, Metric } from "../results.ts";
import type { Warning } from "../measures.ts";
import { drawChart } from "./charts/draw.ts";
import { formatInterval, formatValue } from "./format.ts";
import { Markup, markup } from "./markup.ts";
import { cellText, headlineRows, OUTCOME_TEXT, provenance, type Report } from "./report.ts";
import { STYLESHEET } from "./stylesheet.ts";

/** Renders the whole page. */
export function renderHtml(report: Report): string {
  const { run, experiments } = report;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>What each scaling lever bought: ${run.id}</title>
<style>${new Markup(STYLESHEET)}</style>
</head>
<body>
<a class="skip" href="#levers">Skip to the results</a>
<header>
<h1>What each scaling lever bought</h1>
<p class="muted">${provenance(run)}</p>
<nav aria-label="Experiments"><ul class="legend">${
    experiments.map(({ declaration }) =>
      markup`<li><a href="#${declaration.name}">${declaration.name}</a></li>`
    )
  }</ul></nav>
${
    run.status !== "complete" &&
    markup`<p role="alert"><strong>This run is ${run.status}</strong>: only what was complete is reported.</p>`
  }
</header>
<main>
<section id="levers" aria-labelledby="levers-title">
<h2 id="levers-title">Lever by lever</h2>
${drawHeadline(report)}
${drawRunWarnings(run.warnings)}
</section>
${experiments.map((experiment) => drawExperiment(experiment, report))}
</main>
<footer class="muted"><p>Made from raw samples by <code>${run.command}</code>, seed ${run.seed}.
Intervals are over trials, not over requests. Percentiles count answered requests, whatever the
status; failures (no answer, or a status of 400 and above) are counted apart, in the warnings.</p></footer>
</body>
</html>
`.toString();
}

function drawHeadline(report: Report): Markup {
  const rows = headlineRows(report);
  if (rows.length === 0) return markup`<p>No lever was measured to the end.</p>`;
  return markup`<div class="scroll" tabindex="0" role="region" aria-labelledby="levers-title"><table>
<caption>Ratio above 1 is better, whatever the measure; in brackets its interval.</caption>
<thead><tr><th scope="col">Lever, and what it is measured by</th><th scope="col" class="number">From</th>
<th scope="col" class="number">To</th><th scope="col" class="number">It bought</th><th scope="col">Verdict</th></tr></thead>
<tbody>${
    rows.map(({ experiment, row }) =>
      markup`<tr><th scope="row"><a href="#${experiment}">${row.lever}</a> <span class="below">${row.measure}</span></th>
${drawEstimate(row.from)}${drawEstimate(row.to)}${
        drawEstimate(formatInterval(row.ratio, "ratio"))
      }<td>${drawOutcome(row.outcome)}</td></tr>`
    )
  }</tbody></table></div>`;
}

/** A cell with the estimate, and its interval below: a reader compares the estimates first. */
function drawEstimate(text: string): Markup {
  const [estimate = "", interval] = text.split(/ (?=\[)/);
  return markup`<td class="number">${estimate}${
    interval !== undefined && markup` <span class="below">${interval}</span>`
  }</td>`;
}

/** After the first table, and folded when they are many: the results come first. */
function drawRunWarnings(warnings: readonly Warning[]): Markup | null {
  if (warnings.length < 4) return drawWarnings(warnings);
  return markup`<details><summary>${warnings.length} cautions about this run</summary>${
    drawWarnings(warnings)
  }</details>`;
}

function drawOutcome(outcome: keyof typeof OUTCOME_TEXT): Markup {
  return markup`<span class="outcome ${outcome}">${OUTCOME_TEXT[outcome]}</span>`;
}

function drawWarnings(warnings: readonly Warning[]): Markup | null {
  if (warnings.length === 0) return null;
  return markup`<ul class="warnings" aria-label="Warnings">${
    warnings.map(({ code, message, severity, trial }) =>
      markup`<li><strong>${severity === "invalid" ? "Not a result" : "Caution"}</strong> (${code}${
        trial && `, trial ${trial}`
      }): ${message}</li>`
    )
  }</ul>`;
}

function drawExperiment(experiment: ExperimentResult, report: Report): Markup {
  const { declaration, verdicts, charts, metrics, warnings, commands, trials } = experiment;
  const title = `${declaration.name}-title`;
  return markup`<section id="${declaration.name}" aria-labelledby="${title}">
<h2 id="${title}">${declaration.title}</h2>
<p><strong>${declaration.question}</strong></p>
<p class="answer">${experiment.answer} ${drawOutcome(experiment.outcome)}</p>
${
    experiment.status !== "complete" &&
    markup`<p role="note">This experiment is ${experiment.status}.</p>`
  }
${drawWarnings(warnings)}
<ul>${
    declaration.hypotheses.map(({ id, text }) => {
      const verdict = verdicts.find(({ hypothesis }) => hypothesis === id);
      return markup`<li>${text}${
        verdict && markup` ${drawOutcome(verdict.outcome)}: ${verdict.sentence}`
      }</li>`;
    })
  }</ul>
${
    charts.map((chart) =>
      markup`<figure><figcaption>${chart.title}</figcaption>${
        drawChart(chart, report.samples)
      }</figure>`
    )
  }
<details><summary>Every measure (${metrics.length})</summary>${drawMetrics(metrics)}</details>
<details><summary>How it was measured</summary><p>${declaration.method}</p>${
    declaration.theory !== "" && markup`<p>${declaration.theory}</p>`
  }<ul>${
    declaration.factors.map(({ name, description, levels }) =>
      markup`<li><code>${name}</code> (${levels.join(", ")}): ${description}</li>`
    )
  }</ul><p>${trials.used.length} trials used, ${trials.invalid.length} left out as invalid.</p></details>
<h3>Run it yourself</h3>
<pre><code>${commands.join("\n")}</code></pre>
</section>`;
}

function drawMetrics(metrics: readonly Metric[]): Markup {
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="Every measure"><table>
<thead><tr><th scope="col">Measure</th><th scope="col">Cell</th><th scope="col" class="number">Value [interval]</th>
<th scope="col" class="number">Theory</th><th scope="col" class="number">n</th></tr></thead>
<tbody>${
    metrics.map(({ title, unit, levels, value, theory }) =>
      markup`<tr><td>${title}</td><td>${cellText(levels)}</td><td class="number">${
        formatInterval(value, unit)
      }</td><td class="number">${
        theory !== null && formatValue(theory, unit)
      }</td><td class="number">${value.n}</td></tr>`
    )
  }</tbody></table></div>`;
}
