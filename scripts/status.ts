/**
 * `deno task status`: what runs now.
 *
 * @module
 */
import process from "node:process";
import { connectStack } from "../stack/open.ts";
import { command, main, toggle } from "./cli.ts";
import { statusTable } from "./status_table.ts";

/** The task. */
export const status = command({
  name: "status",
  summary: "Show what runs now.",
  flags: { json: toggle("as JSON") },
  async run({ json }) {
    const status = await connectStack().status();
    process.stdout.write(`${json ? JSON.stringify(status, null, 2) : statusTable(status)}\n`);
  },
});

if (import.meta.main) await main(status);
