/**
 * Cells that this machine cannot run: a tool that they need is absent.
 *
 * @module
 */
import { findTool, type ToolName } from "../stack/tools.ts";
import type { Experiment } from "./experiment.ts";
import type { Levels, Warning } from "./results.ts";

/** Code of the warnings of {@linkcode runnableCells}. */
export const TOOL_ABSENT = "tool-absent";

/** The tools that a cell needs besides oha, which every run needs. */
export function neededTools(experiment: Experiment, levels: Levels): ToolName[] {
  const options = experiment.stack(levels);
  if (options === null) return [];
  if (options.engine === "compose") return ["docker"]; // its images bring the rest
  const { front = "nginx", runtime = "deno", store = "redis" } = options;
  return [
    levels.front === "caddy" || levels.front === "nginx" ? levels.front : front,
    ...(levels.action === "front-swap" ? ["nginx", "caddy"] as const : []),
    ...(runtime === "node" ? ["node"] as const : []),
    ...(store === "redis" ? ["redis-server"] as const : []),
  ];
}

/** Splits cells into those that can be run here and a caution for each tool that is absent. */
export function runnableCells(
  experiment: Experiment,
  cells: readonly Levels[],
  find: (name: ToolName) => { present: boolean; reason?: string } = findTool,
): { cells: Levels[]; warnings: Warning[] } {
  const names = new Set(cells.flatMap((levels) => neededTools(experiment, levels)));
  const absent = new Map(
    [...names].flatMap((name) => {
      const tool = find(name);
      return tool.present ? [] : [[name, tool.reason ?? "absent"] as const];
    }),
  );
  const runnable = cells.filter((levels) =>
    neededTools(experiment, levels).every((name) => !absent.has(name))
  );
  const left = cells.length - runnable.length;
  return {
    cells: runnable,
    warnings: [...absent.values()].map((reason) => ({
      code: TOOL_ABSENT,
      message: `${experiment.name}: ${left} of ${cells.length} cells were left out, ${reason}`,
      severity: "caution",
      experiment: experiment.name,
    })),
  };
}
