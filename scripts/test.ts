/**
 * `deno task test`: every test that this machine can run. What had to be ignored is listed at the end
 * with the reason; `REQUIRE_ALL=1` turns it into a failure.
 *
 * @module
 */
import { existsSync } from "node:fs";
import process from "node:process";
import { PROJECT_ROOT } from "../stack/tools.ts";
import { command, main, text, toggle, value, wrongUse } from "./cli.ts";
import { INSTALLABLE, installMissing } from "./setup.ts";
import { IgnoredTests } from "./ignored_tests.ts";

/** Files, sockets, processes; and `/proc`, which Deno shows to nobody with less. */
const PERMISSIONS = ["--allow-all"];

const spec = command({
  name: "test",
  summary: "Run all tests that this machine can run, or those under PATH",
  args: "[PATH]...",
  flags: {
    yes: toggle("install what is missing first"),
    filter: value("TEXT", text(), "only tests whose name contains TEXT"),
    "fail-fast": toggle("stop at the first failure"),
    "no-check": toggle("do not check types: they are checked already"),
  },
  async run({ yes, filter, "fail-fast": failFast, "no-check": noCheck }, paths) {
    const unknown = paths.find((path) => !existsSync(path));
    if (unknown !== undefined) throw wrongUse(spec, "a path must exist", unknown);
    if (yes) await installMissing(INSTALLABLE, { yes });

    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "test",
        ...PERMISSIONS,
        ...(filter === undefined ? [] : [`--filter=${filter}`]),
        ...(failFast ? ["--fail-fast"] : []),
        ...(noCheck ? ["--no-check"] : []),
        ...paths,
      ],
      cwd: PROJECT_ROOT,
      stdin: "null",
      stdout: "piped",
      env: process.stdout.isTTY && !Deno.noColor ? { FORCE_COLOR: "1" } : {},
    }).spawn();
    const ignored = new IgnoredTests();
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      process.stdout.write(chunk);
      ignored.read(decoder.decode(chunk, { stream: true }));
    }
    const { success } = await child.status;
    for (const line of ignored.report()) process.stdout.write(`${line}\n`);
    const refused = process.env["REQUIRE_ALL"] === "1" && ignored.count > 0;
    return success && !refused ? 0 : 1;
  },
});

if (import.meta.main) await main(spec);
