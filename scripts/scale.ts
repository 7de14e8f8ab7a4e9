/**
 * `deno task scale`: changes replicas under load without a failed request.
 *
 * @module
 */
import process from "node:process";
import { connectStack } from "../stack/open.ts";
import { SCALABLE, type ScalableService } from "../stack/stack.ts";
import { command, main, parseValue, wholeNumber, wrongUse } from "./cli.ts";

const NAME = { name: "scale" };
const count = wholeNumber(1, 64);

/** The task. */
export const scale = command({
  ...NAME,
  summary: "Change replicas under load: `scale 5` (the gateway) or `scale users=2 orders=3`.",
  args: "N|SERVICE=N...",
  flags: {},
  async run(_flags, args) {
    const target = parseTarget(args);
    await connectStack().scale(target);
    const said = Object.entries(target).map(([service, n]) => `${service}=${n}`).join(" ");
    process.stdout.write(`Scaled ${said}\n`);
  },
});

/** Reads `5`, `users=2 orders=3`. @throws {StackError} when it is neither */
export function parseTarget(args: readonly string[]): Partial<Record<ScalableService, number>> {
  const target: Partial<Record<ScalableService, number>> = {};
  if (args.length === 0) throw wrongUse(NAME, "it must be told how many", "");
  for (const arg of args) {
    const [, service = "gateway", text] = /^(?:([^=]*)=)?(.*)$/s.exec(arg) ?? [];
    if (!isScalable(service)) {
      throw wrongUse(NAME, `the service must be one of ${SCALABLE.join(", ")}`, service);
    }
    if (target[service] !== undefined) throw wrongUse(NAME, `${service} must be given once`, arg);
    target[service] = parseValue(NAME, "replicas", count, text);
  }
  return target;
}

function isScalable(name: string): name is ScalableService {
  return (SCALABLE as readonly string[]).includes(name);
}

if (import.meta.main) await main(scale);
