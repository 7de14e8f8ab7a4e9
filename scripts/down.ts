/**
 * `deno task down`: drains and stops everything, also what a killed supervisor left. Safe to repeat.
 *
 * @module
 */
import process from "node:process";
import { stopStack } from "../stack/open.ts";
import { command, main } from "./cli.ts";

const SAID = {
  stopped: "Stopped",
  cleaned: "Cleaned up what a killed supervisor left",
  nothing: "Nothing runs",
} as const;

/** The task. */
export const down = command({
  name: "down",
  summary: "Drain and stop everything; leave no process, socket or temporary file.",
  flags: {},
  async run() {
    process.stdout.write(`${SAID[await stopStack()]}\n`);
  },
});

if (import.meta.main) await main(down);
