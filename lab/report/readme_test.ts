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
  const broken = {
    code: "experiment-error",
    message: "hop ended early",
    severity: "invalid",
  } as const;
  const { environment } = report.run;
  for (
    const [other, reason] of [
      [{ command: "deno task bench --quick" }, /received `deno task bench --quick`$/],
      [{ command: "deno task bench hop" }, /received `deno task bench hop`$/],
      [{ command: "deno task bench --handicap 20" }, /received `.* --handicap 20`$/],
      [{ command: "deno task bench --trials 1 --seed 7" }, /received `.*`$/],
      [{ status: "interrupted" }, /received a run that is interrupted$/],
      [{ environment: { ...environment, dirty: true } }, /received a checkout with changes$/],
      [{ warnings: [broken] }, /received hop ended early$/],
    ] as const
  ) {
    const unfit = { ...report, run: { ...report.run, ...other } } as Report;
    assert.throws(() => putResults(README, unfit), { name: "TypeError", message: reason });
  }
});

function publishable(): Report {
  const environment = { ...run.environment, dirty: false };
  return {
    run: {
      ...{ ...run, environment, status: "complete", warnings: [] },
      command: "deno task bench --seed 7 --out /runs",
    },
    experiments: [experiment],
    samples: () => assert.fail("no samples are needed"),
  };
}
