import assert from "node:assert/strict";
import { join } from "node:path";
import { requires } from "../../testing/requires.ts";
import { renderHtml } from "./html.ts";
import { renderHeadlineTable, renderMarkdown } from "./markdown.ts";
import type { Report } from "./report.ts";
import { experiment, run, writeRun } from "./testdata.ts";
import { blockedSamples, samplesByPath } from "./testdata_samples.ts";
import { readReport, writeReports } from "./write_reports.ts";

const report: Report = {
  run,
  experiments: [experiment],
  samples: (path) => {
    const samples = samplesByPath.get(path);
    assert.ok(samples, path);
    return samples;
  },
};

Deno.test("renderHtml() escapes what experiments and machines say", () => {
  const html = renderHtml(report);
  assert.match(html, /Test CPU &lt;model&gt; &amp; sons/);
  assert.match(html, /100x better &lt;b&gt;at least&lt;\/b&gt;/);
});

Deno.test("renderHtml() needs no network and no script", () => {
  const html = renderHtml(report);
  assert.doesNotMatch(html, /<script|<link|src=|@import|url\(|https?:\/\//);
});

Deno.test("renderHtml() gives each chart a text alternative and draws no NaN", () => {
  const html = renderHtml(report);
  const charts =
    html.match(/<svg viewBox[^>]*role="img" aria-label="[^"]+" aria-description="[^"]+"/g) ?? [];
  // A timeline draws a panel a series.
  const panels = experiment.charts.flatMap((chart) =>
    chart.kind === "timeline" ? chart.series.map(({ label }) => label) : [chart.id]
  );
  assert.equal(charts.length, panels.length);
  assert.doesNotMatch(html, /NaN|undefined|Infinity/);
});

Deno.test("renderHtml() says when a run was interrupted", () => {
  const html = renderHtml({ ...report, run: { ...run, status: "interrupted" } });
  assert.match(html, /This run is interrupted/);
  assert.doesNotMatch(renderHtml(report), /This run is/);
});

Deno.test("renderHtml() draws an experiment whose every request failed", () => {
  const failed = blockedSamples("light");
  failed.columns.status.fill(0);
  failed.dictionaries.errors = ["refused"];
  failed.columns.error.fill(0);
  const html = renderHtml({ ...report, samples: () => failed });
  assert.doesNotMatch(html, /NaN|undefined|Infinity/);
});

Deno.test("renderMarkdown() does not print 0 for a measure that no trial gave", () => {
  const [metric] = experiment.metrics;
  assert.ok(metric);
  const none = { ...metric, value: { ...metric.value, estimate: 0, low: null, high: null, n: 0 } };
  const text = renderMarkdown({ ...report, experiments: [{ ...experiment, metrics: [none] }] });
  assert.match(text, /\| no value \|/);
});

Deno.test("renderMarkdown() holds the first table, every verdict and every warning", () => {
  const text = renderMarkdown(report);
  assert.ok(text.includes(renderHeadlineTable(report)));
  assert.match(text, /\| offload CPU work \(1 replica\) \|.*\| 90x \[81x, 99x\] \| ✗ failed \|/);
  assert.match(text, /✓ held: 33 % were delayed\./);
  assert.match(text, /> Intervals are wide\./);
});

Deno.test({
  name: "writeReports() writes the same bytes from the same records",
  ...requires(),
  fn: async () => {
    const directory = await Deno.makeTempDir();
    try {
      await writeRun(directory);
      const texts = async () => {
        await writeReports(directory);
        return Promise.all(
          ["html", "md", "json"].map((extension) =>
            Deno.readTextFile(join(directory, `report.${extension}`))
          ),
        );
      };
      assert.deepEqual(await texts(), await texts());
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test({
  name: "readReport() names the file that does not follow the schema",
  ...requires(),
  fn: async () => {
    const directory = await Deno.makeTempDir();
    try {
      await writeRun(directory);
      await Deno.writeTextFile(join(directory, "run.json"), JSON.stringify({ ...run, version: 2 }));
      await assert.rejects(readReport(directory), /Cannot read results: ".*run\.json" must follow/);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});
