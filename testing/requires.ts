/**
 * Says which tools a test needs. On a machine (or under permissions) that cannot run it, the test is
 * reported as ignored and the reason is printed once a file; with `REQUIRE_ALL=1` it fails instead.
 *
 * @module
 */
import { REASON_PREFIX } from "../scripts/ignored_tests.ts";
import { findTool, type ToolName } from "../stack/tools.ts";

/** What integration tests need besides tools; bare `deno test` grants none of it. */
const PERMISSIONS = ["read", "write", "net", "env", "run", "sys"] as const;

/** One answer a tool and file: asking costs a process. */
const reasons = new Map<ToolName, string | undefined>();

/**
 * To be spread into a test's definition.
 *
 * @example
 * ```ts ignore
 * Deno.test({
 *   name: "createRedis() reconnects when the server returns",
 *   ...requires("redis-server"),
 *   fn: async () => {},
 * });
 * ```
 *
 * @throws {Error} when something is missing and `REQUIRE_ALL=1`
 */
export function requires(...tools: ToolName[]): { ignore: boolean } {
  const reason = missingPermission() ?? missingTool(tools);
  if (reason === undefined) return { ignore: false };
  if (mayReadEnv() && Deno.env.get("REQUIRE_ALL") === "1") {
    throw new Error(`Cannot ignore a test when REQUIRE_ALL=1: ${reason}`);
  }
  say(reason);
  return { ignore: true };
}

/** One line for a person when tests of this run cannot have what they need, else `undefined`. */
function missingPermission(): string | undefined {
  const missing = PERMISSIONS.filter((name) =>
    Deno.permissions.querySync({ name }).state !== "granted"
  );
  if (missing.length === 0) return mayReadProc() ? undefined : "no --allow-all to read /proc";
  return `no permission (${missing.join(", ")}): use \`deno task test\``;
}

function missingTool(tools: readonly ToolName[]): string | undefined {
  for (const name of tools) {
    if (!reasons.has(name)) {
      const tool = findTool(name);
      reasons.set(name, tool.present ? undefined : tool.reason);
    }
    const reason = reasons.get(name);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function mayReadEnv(): boolean {
  return Deno.permissions.querySync({ name: "env" }).state === "granted";
}

/** Deno keeps `/proc` to those who may do everything; the stack needs it to know its processes. */
function mayReadProc(): boolean {
  try {
    Deno.statSync("/proc/self/stat");
    return true;
  } catch {
    return false; // refused, or another system: either way such a test cannot run
  }
}

const said = new Set<string>();

function say(reason: string): void {
  if (said.has(reason)) return;
  said.add(reason);
  // deno-lint-ignore no-console -- the runner shows what a test file prints while it loads
  console.log(REASON_PREFIX + reason);
}
