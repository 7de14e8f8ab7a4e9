/**
 * `deno task doctor`: what is installed, which version, and what that rules out. Changes nothing.
 *
 * @module
 */
import process from "node:process";
import { findTool, type Tool, type ToolName, TOOLS } from "../stack/tools.ts";
import { command, main } from "./cli.ts";

/** What a machine without the tool cannot do. */
const RULES_OUT: Readonly<Record<ToolName, string>> = {
  nginx: "`--front nginx`, the default front",
  caddy: "`--front caddy`",
  "redis-server": "`--store redis`, the default store",
  node: "`--runtime node`",
  oha: "`bench` experiments that measure rates",
  chromium: "tests that open the report in a browser",
  docker: "`--engine compose`",
};

/** The table as lines of text, one a tool and one for each thing that is ruled out. */
export function describeTools(tools: readonly Tool[]): string[] {
  const width = Math.max(...tools.map(({ name }) => name.length));
  return tools.flatMap((tool) => {
    const name = tool.name.padEnd(width);
    const indent = " ".repeat(width + 2);
    return tool.present
      ? [
        `${name}  ${tool.version} at ${tool.path}`,
        ...tool.limits.map((limit) => `${indent}limit: ${limit}`),
      ]
      : [
        `${name}  absent: ${tool.reason}`,
        `${indent}rules out: ${RULES_OUT[tool.name]}`,
      ];
  });
}

if (import.meta.main) {
  await main(command({
    name: "doctor",
    summary: "Say what is installed, which version, and what that rules out",
    flags: {},
    run() {
      const lines = [
        `deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores`,
        ...describeTools(TOOLS.map((name) => findTool(name))),
      ];
      process.stdout.write(`${lines.join("\n")}\n`);
    },
  }));
}
