/**
 * `deno task ok`: all that must hold before a commit. Format, lint and types first, because they take
 * seconds; every test only when they hold.
 *
 * Exit status: 0 when all holds, 1 when something does not, 2 on wrong use.
 *
 * @module
 */
import { PROJECT_ROOT } from "../stack/tools.ts";
import { command, main, toggle } from "./cli.ts";

const spec = command({
  name: "ok",
  summary: "Check format, lint and types, then run all tests that this machine can run.",
  flags: {
    yes: toggle("install what the tests lack first"),
  },
  async run({ yes }) {
    const steps = [
      ["fmt", "--check"],
      ["lint"],
      ["check"],
      ["task", "--quiet", "test", "--no-check", ...(yes ? ["--yes"] : [])],
    ];
    for (const args of steps) {
      // deno-lint-ignore no-await-in-loop -- what follows a failure is not worth the time
      if (!await succeeds(args)) return 1;
    }
    return 0;
  },
});

/** Runs `deno` with this terminal. */
async function succeeds(args: readonly string[]): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: PROJECT_ROOT,
  }).spawn().status;
  return success;
}

if (import.meta.main) await main(spec);
