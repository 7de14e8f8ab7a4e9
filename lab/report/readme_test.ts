import assert from "node:assert/strict";
import { putResults } from "./readme.ts";
import type { Report } from "./report.ts";
import { experiment, run } from "./testdata.ts";

const BEGIN = "<!-- results: written by `deno task bench --readme RUN` -->";
const README = `# Lab\n\n${BEGIN}\nold\n<!-- /results -->\n\nMore.\n`;

Deno.test("putResults() replaces what is between the marks, again and again, and nothing else", () => {
  const report = publishable();
  const once = putResults(README, report);
  assert.ok(
    once.startsWith(`# Lab\n\n${BEGIN}\n`) && once.endsWith("<!-- /results -->\n\nMore.\n"),
  );
  assert.doesNotMatch(once, /\nold\n/);
  assert.match(once, /\| Lever \| Measured by /);
  for (const { declaration, answer } of report.experiments) {
    assert.ok(once.includes(`- **${declaration.name}**`) && once.includes(answer));
  }
  assert.equal(putResults(once, report), once);
});

Deno.test("putResults() refuses a README without marks, and runs that nobody should publish", () => {
  const report = publishable();
  assert.throws(() => putResults("# Lab\n", report), { name: "TypeError", message: /the mark/ });
  const slowed = { code: "handicap", message: "slowed down", severity: "caution" } as const;
  for (
    const [other, reason] of [
      [{ mode: "quick" }, /received a quick run$/],
      [{ status: "interrupted" }, /received a run that is interrupted$/],
      [
        { environment: { ...report.run.environment, dirty: true } },
        /received a checkout with changes$/,
      ],
      [{ warnings: [slowed] }, /received slowed down$/],
    ] as const
  ) {
    const unfit = { ...report, run: { ...report.run, ...other } } as Report;
    assert.throws(() => putResults(README, unfit), { name: "TypeError", message: reason });
  }
});

function publishable(): Report {
  const environment = { ...run.environment, dirty: false };
  return {
    run: { ...run, environment, mode: "full", status: "complete", warnings: [] },
    experiments: [experiment],
    samples: () => assert.fail("no samples are needed"),
  };
}
