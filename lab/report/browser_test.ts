/**
 * The report in a real browser: light, dark, on paper and on a phone.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- one page after the other, one key after the other
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { findTool } from "../../stack/tools.ts";
import { requires } from "../../testing/requires.ts";
import type { Chart } from "../charts.ts";
import {
  focusables,
  focusOf,
  looksOf,
  pageOf,
  type Picture,
  type TextBox,
} from "./browser_looks.ts";
import { experiment, writeRun } from "./testdata.ts";
import { writeReports } from "./write_reports.ts";

/** Texts that an axis of the chart must show. */
function unitsOf(chart: Chart): string[] {
  const named = ({ label, unit }: { label: string; unit: string }) =>
    unit === "" ? label : `${label} (${unit})`;
  switch (chart.kind) {
    case "spectrum":
      return ["percentile of answered requests", "latency in ms (log)"];
    case "scatter":
      return ["intended send time in s", "latency in ms"];
    case "timeline":
      return ["intended send time in s", "requests/s"];
    case "curve":
      return [named(chart.x), named(chart.y)];
    case "bars":
      return [named(chart.axis)];
    case "histogram":
      return [named(chart.axis), "how often"];
  }
}

/** A page with the report, and everything that it complained of or asked for. */
async function openReport(
  browser: Browser,
  url: string,
  look: { scheme: "light" | "dark"; media?: "print"; width?: number },
): Promise<{ page: Page; complaints: string[]; requests: string[] }> {
  const context = await browser.newContext({
    colorScheme: look.scheme,
    viewport: { width: look.width ?? 1_000, height: 800 },
  });
  const page = await context.newPage();
  if (look.media) await page.emulateMedia({ media: look.media });
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, complaints, requests };
}

/** Name and description of every picture, as a screen reader gets them. */
async function spokenPictures(page: Page): Promise<[name: string, description: string][]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  return nodes.filter(({ ignored, role }) => !ignored && /^ima?ge?$/.test(role?.value))
    .map(({ name, description }) => [name?.value ?? "", description?.value ?? ""]);
}

/** What cannot be read: pairs of texts on top of each other, texts cut off at the edge. */
function unreadable({ width, height, texts }: Picture): string[] {
  const apart = (a: TextBox, b: TextBox) =>
    a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 3 ||
    b.bottom <= a.top + 3; // boxes are higher than digits
  return texts.flatMap((text, index) => [
    ...(text.left < -1 || text.top < -1 || text.right > width + 1 || text.bottom > height + 1
      ? [`"${text.text}" is cut off`]
      : []),
    ...texts.slice(index + 1).filter((other) => !apart(text, other))
      .map((other) => `"${text.text}" lies on "${other.text}"`),
  ]);
}

async function checkCharts(page: Page): Promise<void> {
  const { pictures, faint } = await page.evaluate(looksOf);
  // A timeline draws one picture a series.
  const expected = experiment.charts.flatMap((chart) => {
    const names = chart.kind === "timeline"
      ? chart.series.map(({ label }) => `${chart.title}: ${label}`)
      : [chart.title];
    return names.map((name) => ({ chart, name }));
  });
  assert.deepEqual(
    await spokenPictures(page),
    expected.map(({ chart, name }) => [name, chart.alternative]),
  );
  assert.deepEqual(pictures.map(({ name }) => name), expected.map(({ name }) => name));
  for (const [index, picture] of pictures.entries()) {
    const { chart, name } = expected[index] as typeof expected[number];
    assert.ok(picture.marks > 0, `${name} must have marks`);
    assert.ok(picture.ticks >= 3, `${name} must have ticks, received ${picture.ticks}`);
    for (const unit of unitsOf(chart)) {
      assert.ok(
        picture.texts.some(({ text }) => text.includes(unit)),
        `${name} must say "${unit}"`,
      );
    }
    assert.deepEqual(unreadable(picture), [], name);
  }
  assert.deepEqual(
    faint,
    [],
    "every text at least 4.5:1, every mark 3:1 against what is behind it",
  );
}

/** Tabs through the page. @returns what had the focus, in order */
async function tabThrough(page: Page): Promise<string[]> {
  const visited: string[] = [];
  for (let presses = 0; presses < 100; presses++) {
    await page.keyboard.press("Tab");
    const focus = await page.evaluate(focusOf);
    if (!focus) break;
    assert.ok(focus.seen && focus.ring, `${focus.label} must be seen to have the focus`);
    visited.push(focus.label);
  }
  return visited;
}

Deno.test({
  name: "the report is readable in a browser: light, dark, on paper, on a phone, with a keyboard",
  ...requires("chromium"),
  async fn(t) {
    const directory = await Deno.makeTempDir({ prefix: "report-" });
    await writeRun(directory);
    await writeReports(directory);
    const url = pathToFileURL(`${directory}/report.html`).href;
    const tool = findTool("chromium");
    assert.ok(tool.present);
    // Not at the top: it reads the environment as it loads, which a bare `deno test` forbids.
    const { chromium } = await import("playwright-core");
    // A profile of its own, in a temporary folder that goes with it.
    const browser = await chromium.launch({
      executablePath: tool.path,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    });
    const step = (
      name: string,
      look: Parameters<typeof openReport>[2],
      check: (page: Page) => Promise<void>,
    ) =>
      t.step(name, async () => {
        const { page, complaints, requests } = await openReport(browser, url, look);
        await check(page);
        assert.deepEqual(complaints, []);
        assert.deepEqual(requests, [url], "nothing but itself may be loaded");
        await page.context().close();
      });
    try {
      for (const scheme of ["light", "dark"] as const) {
        await step(`${scheme}: charts have marks, names, units, contrast`, { scheme }, checkCharts);
      }
      await step("on paper: light, and what is folded is printed", {
        scheme: "dark",
        media: "print",
      }, async (page) => {
        await checkCharts(page);
        assert.equal((await page.evaluate(pageOf)).background, "rgb(255, 255, 255)");
        const folded = page.getByText("Open loop, 200/s for 6 s.");
        assert.ok(((await folded.boundingBox())?.height ?? 0) > 0);
        assert.ok(await folded.isVisible());
        assert.equal(await page.getByRole("navigation").count(), 0);
      });
      await step("on a phone: the page never scrolls sideways", {
        scheme: "light",
        width: 375,
      }, async (page) => {
        const { width } = await page.evaluate(pageOf);
        assert.ok(width <= 375, `${width}`);
      });
      await step("with a keyboard: everything is reached, and folds open", {
        scheme: "light",
      }, async (page) => {
        const all = await page.evaluate(focusables);
        assert.ok(all.length >= 6, all.join());
        assert.deepEqual(await tabThrough(page), all);
        await page.getByText("Every measure").press("Enter");
        assert.ok(await page.getByRole("region", { name: "Every measure" }).isVisible());
      });
    } finally {
      await browser.close();
      await Deno.remove(directory, { recursive: true });
    }
  },
});
