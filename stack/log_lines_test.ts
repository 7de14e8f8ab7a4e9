import assert from "node:assert/strict";
import { readForeignLine } from "./log_lines.ts";

Deno.test("readForeignLine() reads time and level of nginx and Caddy, and keeps any other line", () => {
  const local = new Date("2026-01-31T23:59:59").toISOString();
  const cases: [line: string, read: Record<string, unknown>][] = [
    ["2026/01/31 23:59:59 [error] 12#12: *3 connect() failed", {
      time: local,
      level: "error",
      msg: "12#12: *3 connect() failed",
    }],
    ["2026/01/31 23:59:59 [emerg] 1#1: no", { time: local, level: "error", msg: "1#1: no" }],
    ["2026/01/31 23:59:59 [notice] 1#1: exit", { time: local, level: "info", msg: "1#1: exit" }],
    // No such levels (one that every object has), no such day.
    ["2026/01/31 23:59:59 [constructor] x", {
      level: "info",
      msg: "2026/01/31 23:59:59 [constructor] x",
    }],
    ["2026/01/31 23:59:59 [loud] x", {
      level: "info",
      msg: "2026/01/31 23:59:59 [loud] x",
    }],
    ["2026/99/31 23:59:59 [warn] x", { level: "warn", msg: "x" }],
    ['{"level":"warn","ts":1769903999.25,"logger":"admin","msg":"stopped","code":1}', {
      time: "2026-01-31T23:59:59.250Z",
      level: "warn",
      msg: "stopped",
      logger: "admin",
      code: 1,
    }],
    ['{"level":"warn","ts":1e300,"msg":"x"}', { level: "warn", msg: "x" }],
    ['{"level":"warn","msg":"x"}', { level: "info", msg: '{"level":"warn","msg":"x"}' }],
    ["null", { level: "info", msg: "null" }],
    ["segmentation fault", { level: "info", msg: "segmentation fault" }],
  ];
  for (const [line, read] of cases) assert.deepEqual(readForeignLine(line), read, line);
});
