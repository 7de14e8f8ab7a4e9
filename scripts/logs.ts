/**
 * `deno task logs`: log lines, one JSON object each.
 *
 * @module
 */
import process from "node:process";
import { connectStack } from "../stack/open.ts";
import { command, main, toggle } from "./cli.ts";

/** The task. */
export const logs = command({
  name: "logs",
  summary: "Show logs, one JSON object a line, of all instances or of one.",
  args: "[INSTANCE]",
  maxArgs: 1,
  flags: { follow: toggle("go on until Ctrl-C") },
  async run({ follow }, [instance]) {
    // A reader that has seen enough (`| head`) closes the pipe: that is no error.
    process.stdout.on("error", () => process.exit(0));
    const options = instance === undefined ? { follow } : { follow, instance };
    for await (const line of connectStack().logs(options)) process.stdout.write(`${line}\n`);
  },
});

if (import.meta.main) await main(logs);
