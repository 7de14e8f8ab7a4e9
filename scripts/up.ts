/**
 * `deno task up`: starts everything and waits until it is ready.
 *
 * Exit status: 0 when it serves (`--detach`), when it was stopped after it served, and when it was
 * running already; 1 when it was told to stop before it served; 2 when it cannot run here, or
 * another is starting (nothing changed).
 *
 * @module
 */
import process from "node:process";
import { POLICIES } from "../lb/front.ts";
import { defaultEngine } from "../stack/engines.ts";
import { connectStack, isStackRunning, startDetachedStack, startStack } from "../stack/open.ts";
import { type Stack, StackError, type StackOptions, type StackStatus } from "../stack/stack.ts";
import type { ToolName } from "../stack/tools.ts";
import { command, main, oneOf, positiveNumber, toggle, value, wholeNumber } from "./cli.ts";
import { installMissing } from "./setup.ts";
import { statusTable } from "./status_table.ts";

/** The task. */
export const up = command({
  name: "up",
  summary: "Start everything and wait until it is ready; Ctrl-C stops it all.",
  flags: {
    replicas: value("N", wholeNumber(1, 64), "gateway replicas (3)"),
    front: value("nginx|caddy", oneOf(["nginx", "caddy"]), "the balancer (nginx)"),
    policy: value("POLICY", oneOf(POLICIES), `${POLICIES.join(", ")} (round-robin)`),
    engine: value(
      "ENGINE",
      oneOf(["auto", "process", "compose"]),
      "auto, process, compose (auto: compose where a Docker engine answers)",
    ),
    runtime: value("deno|node", oneOf(["deno", "node"]), "what runs gateway and services (deno)"),
    workers: value("N", wholeNumber(1, 64), "event loops inside each gateway replica (1)"),
    store: value("redis|memory", oneOf(["redis", "memory"]), "where state is kept (redis)"),
    port: value("PORT", wholeNumber(0, 65_535), "port of the front, 0 picks a free one (8080)"),
    cpus: value("CORES", positiveNumber(64), "CPU limit of each gateway replica (compose only)"),
    faults: toggle("let services take /faults"),
    detach: toggle("leave it running and return"),
    yes: toggle("install what is missing without asking"),
  },
  async run({ engine = "auto", detach, yes, ...given }) {
    if (isStackRunning()) return await sayThatItRuns();
    const options = Object.fromEntries(
      Object.entries({ ...given, engine: engine === "auto" ? defaultEngine() : engine })
        .filter(([, value]) => value !== undefined),
    ) as Partial<StackOptions>;
    const [absent] = await installMissing(neededBy(options), { yes });
    if (absent) throw new StackError(`Cannot run up: ${absent.reason}`);
    if (!detach) return await runAttached(options);
    await announce(await startDetachedStack(options));
    return 0;
  },
});

async function runAttached(options: Partial<StackOptions>): Promise<number> {
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => interrupted.abort());
  }
  // `up | head`: nobody reads any more, so it is over.
  process.stdout.on("error", () => interrupted.abort());
  const stack = await startStack(options, { signal: interrupted.signal });
  await announce(stack);
  for await (const line of stack.logs({ follow: true })) say(line);
  await stack.closed;
  return 0;
}

async function sayThatItRuns(): Promise<number> {
  const { url, front, policy } = await connectStack().status();
  say(`Already running at ${url} (${front}, ${policy}); nothing changed`);
  return 0;
}

async function announce(stack: Stack): Promise<void> {
  const status: StackStatus = await stack.status();
  say(`${statusTable(status)}\n\nReady at ${status.url}/api/users`);
}

/** The tools that a stack needs, so that only they are installed. */
function neededBy(options: Partial<StackOptions>): ToolName[] {
  const { engine, front = "nginx", store = "redis", runtime = "deno" } = options;
  if (engine === "compose") return []; // its images bring what they need
  return [
    front,
    ...(store === "redis" ? ["redis-server"] as const : []),
    ...(runtime === "node" ? ["node"] as const : []),
  ];
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

if (import.meta.main) await main(up);
