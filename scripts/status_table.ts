/**
 * A running stack as text for people.
 *
 * @module
 */
import type { InstanceStatus, StackStatus } from "../stack/stack.ts";

const COLUMNS: readonly [title: string, cell: (instance: InstanceStatus) => string][] = [
  ["INSTANCE", ({ id }) => id],
  ["STATE", ({ state }) => state],
  ["ADDRESS", ({ address }) => address],
  ["PID", ({ pid }) => pid === null ? "-" : `${pid}`],
  ["RESTARTS", ({ restarts }) => `${restarts}`],
  ["PSS", ({ pssBytes }) => megabytes(pssBytes)],
  ["CPU", ({ cpuPercent }) => cpuPercent === null ? "-" : `${cpuPercent.toFixed(1)} %`],
  ["LAG", ({ loopLagMs }) => loopLagMs === null ? "-" : `${loopLagMs.toFixed(1)} ms`],
];

/** One line an instance, and one that sums up. */
export function statusTable(status: StackStatus): string {
  const rows = [
    COLUMNS.map(([title]) => title),
    ...status.instances.map((instance) => COLUMNS.map(([, cell]) => cell(instance))),
  ];
  const widths = COLUMNS.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  );
  const lines = rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()
  );
  const pss = status.instances.reduce((sum, { pssBytes }) => sum + (pssBytes ?? 0), 0);
  const { engine, front, policy, url } = status;
  return `${lines.join("\n")}\n${url}: ${front}, ${policy}, ${engine} engine, ${
    megabytes(pss)
  } PSS`;
}

function megabytes(bytes: number | null): string {
  return bytes === null ? "-" : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
