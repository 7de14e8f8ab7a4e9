/**
 * How Redis, the services and the gateway replicas are started as processes: command, environment, and
 * the look that tells whether one serves.
 *
 * @module
 */
import type { Clock } from "../../kit/clock.ts";
import { denoArgs, nodeArgs, nodeEnvironment } from "../../kit/runtime/command.ts";
import { answersOk } from "../answers.ts";
import { poll } from "../poll.ts";
import { type ScalableService, StackError, type StackOptions } from "../stack.ts";
import { findTool, PROJECT_ROOT, type ToolName } from "../tools.ts";
import type { LaunchSpec } from "./instance.ts";
import type { StateDir } from "../supervisor/state_dir.ts";

/** `DRAIN_TIMEOUT_MS` of every instance: longest time to finish what is in flight. */
const DRAIN_TIMEOUT_MS = 10_000;
/** Time beyond that before an instance is killed. */
const KILL_AFTER_MS = DRAIN_TIMEOUT_MS + 2_000;

/** Longest time until a request gets through, once everything has started. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Compiled code outlives the stack, so that the next one starts small and quickly. */
const NODE_CACHE = `${PROJECT_ROOT}node_modules/.cache/node`;

/** What all launches of one stack have in common. */
export interface LaunchContext {
  options: StackOptions;
  dir: StateDir;
  /** Command line of the runtime up to the script, from {@linkcode runtimeCommand}. */
  runtime: readonly string[];
  /** Another with each `up`. */
  runId: string;
  /** With its password; `undefined` with `--store memory`. */
  redisUrl: string | undefined;
}

/** Path of a tool. @throws {StackError} with the one line when there is none that will do */
export function requireTool(name: ToolName): string {
  const tool = findTool(name);
  if (tool.present) return tool.path;
  throw new StackError(
    `Cannot start the stack: ${tool.reason}; run "deno task setup" or add --yes`,
  );
}

/** Writes Redis's configuration and says how to start it. */
export function redisLaunch(dir: StateDir, port: number, password: string): LaunchSpec {
  const config = `${dir.redis}/redis.conf`;
  const lines = [
    "bind 127.0.0.1",
    `port ${port}`,
    `requirepass ${password}`,
    `dir "${dir.redis}"`,
    'save ""',
    "appendonly yes",
    // On disk before it is acknowledged. With "everysec" a kill -9 of Redis alone lost acknowledged
    // writes (it holds them back while an fsync runs): see docs/decisions.md for both prices.
    "appendfsync always",
    "maxmemory-policy noeviction",
    "daemonize no",
    "",
  ];
  Deno.writeTextFileSync(config, lines.join("\n"), { mode: 0o600 });
  return {
    id: "redis",
    service: "redis",
    address: `http://127.0.0.1:${port}`,
    command: requireTool("redis-server"),
    args: [config],
    env: {},
    probe: () => redisAnswers(port, password),
    stopTimeoutMs: KILL_AFTER_MS,
  };
}

/** The runtime that instances run on. @throws {StackError} when Node is asked for and there is none */
export function runtimeCommand(options: StackOptions, dir: StateDir): string[] {
  if (options.runtime === "node") return [requireTool("node"), ...nodeArgs()];
  return [Deno.execPath(), ...denoArgs({ read: [PROJECT_ROOT, dir.root] })];
}

/** How to start one replica of a service or of the gateway. */
export function instanceLaunch(
  context: LaunchContext,
  replica: { service: ScalableService; id: string; port: number; healthPort: number },
): LaunchSpec {
  const { options, dir, redisUrl } = context;
  const { service, id, port, healthPort } = replica;
  const [command = "", ...args] = context.runtime;
  const main = service === "gateway" ? "gateway/main.ts" : `services/${service}/main.ts`;
  const address = `http://127.0.0.1:${port}`;
  const env: Record<string, string> = {
    PORT: `${port}`,
    HOST: "127.0.0.1",
    INSTANCE_ID: id,
    STORE: options.store,
    DRAIN_TIMEOUT_MS: `${DRAIN_TIMEOUT_MS}`,
    LOG_LEVEL: Deno.env.get("LOG_LEVEL") ?? "info",
    NO_COLOR: "1",
    ...(options.runtime === "node" ? nodeEnvironment(NODE_CACHE) : {}),
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
    ...(options.faults ? { FAULTS: "1" } : {}),
  };
  if (service === "gateway") {
    env.HEALTH_PORT = `${healthPort}`;
    env.WORKERS = `${options.workers}`;
    env.UPSTREAMS_FILE = dir.upstreams;
    env.JWT_SECRET_FILE = dir.jwtSecret;
    env.RUN_ID = context.runId;
    // For this machine only: the front listens on loopback, and every user of the seed data logs in with it.
    env.DEMO_PASSWORD = Deno.env.get("DEMO_PASSWORD") || "demo";
    Object.assign(env, options.gatewayEnv);
  }
  return {
    id,
    service,
    address,
    command,
    args: [...args, PROJECT_ROOT + main],
    env,
    probe: (signal) => answersOk(`${address}/readyz`, signal),
    stopTimeoutMs: KILL_AFTER_MS,
  };
}

/** Resolves when a GET is answered with 200. @throws {StackError} when it is not within 10 s */
export async function untilAnswered(url: string, clock: Clock): Promise<void> {
  const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const answers = () => answersOk(url, signal).catch(() => false); // not yet
  if (await poll(answers, { timeoutMs: ANSWER_TIMEOUT_MS, everyMs: 20, clock })) return;
  throw new StackError(`Cannot start the stack: it must answer, received nothing at "${url}"`);
}

/** Whether Redis has loaded its data: it says LOADING to a PING before. */
async function redisAnswers(port: number, password: string): Promise<boolean> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const ask = new TextEncoder().encode(`AUTH ${password}\r\nPING\r\n`);
  await connection.write(ask);
  let answer = "";
  const buffer = new Uint8Array(256);
  while (answer.split("\r\n").length < 3) {
    // deno-lint-ignore no-await-in-loop -- bytes come one read after the other
    const n = await connection.read(buffer);
    if (n === null) return false;
    answer += new TextDecoder().decode(buffer.subarray(0, n));
  }
  return answer.includes("+PONG");
}
