/**
 * `deno task front`: swaps balancer or policy under load without a failed request.
 *
 * @module
 */
import process from "node:process";
import { frontKindSchema, POLICIES, type Policy } from "../lb/front.ts";
import { connectStack } from "../stack/open.ts";
import type { FrontChange } from "../stack/stack.ts";
import { findTool } from "../stack/tools.ts";
import { command, main, wrongUse } from "./cli.ts";

const NAME = { name: "front" };

/** The task. */
export const front = command({
  ...NAME,
  summary: "Swap balancer or policy under load; without arguments say what serves.",
  args: "[nginx|caddy] [POLICY]",
  maxArgs: 2,
  flags: {},
  async run(_flags, args) {
    const change = parseChange(args);
    const stack = connectStack();
    // The images of containers bring their own.
    if (change.kind !== undefined && (await stack.status()).engine === "process") {
      const tool = findTool(change.kind);
      if (!tool.present) throw wrongUse(NAME, `${tool.reason}; run "deno task setup"`, change.kind);
    }
    if (args.length > 0) await stack.setFront(change);
    const { front, policy, url } = await stack.status();
    process.stdout.write(`${front} ${policy} ${url}\n`);
  },
});

/** Reads `caddy`, `least-conn`, `caddy least-conn`. @throws {StackError} on anything else */
export function parseChange(args: readonly string[]): FrontChange {
  const change: FrontChange = {};
  for (const arg of args) {
    const kind = frontKindSchema.safeParse(arg);
    if (kind.success && change.kind === undefined) change.kind = kind.data;
    else if (isPolicy(arg) && change.policy === undefined) change.policy = arg;
    else {
      const words = [...frontKindSchema.options, ...POLICIES].join(", ");
      throw wrongUse(NAME, `an argument must be one of ${words}, each kind once`, arg);
    }
  }
  return change;
}

function isPolicy(word: string): word is Policy {
  return (POLICIES as readonly string[]).includes(word);
}

if (import.meta.main) await main(front);
