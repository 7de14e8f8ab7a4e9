/**
 * What every engine that runs the system offers. The verbs in `scripts/` and the lab know this
 * interface only; a process engine and a compose engine implement it.
 *
 * @module
 */
import { z } from "zod";
import { type FrontKind, frontKindSchema, POLICIES, type Policy } from "../lb/front.ts";

/** The parts of a running stack. */
export const SERVICES = ["gateway", "users", "orders", "payments", "redis", "front"] as const;
/** One of {@linkcode SERVICES}. */
export type ServiceName = (typeof SERVICES)[number];
/** The services that can have several replicas. */
export const SCALABLE = ["gateway", "users", "orders", "payments"] as const;
/** One of {@linkcode SCALABLE}. */
export type ScalableService = (typeof SCALABLE)[number];

/** How far an instance is in its life. */
export const INSTANCE_STATES = [
  "starting",
  "ready",
  "draining",
  "backoff",
  "failed",
  "stopped",
] as const;

/** Schema of {@linkcode StackOptions}: what `up` was asked for. */
export const stackOptionsSchema = z.object({
  /** What runs it: processes of this machine, or containers. */
  engine: z.enum(["process", "compose"]).default("process"),
  /** Gateway replicas. */
  replicas: z.int().min(1).max(64).default(3),
  front: frontKindSchema.default("nginx"),
  policy: z.enum(POLICIES).default("round-robin"),
  runtime: z.enum(["deno", "node"]).default("deno"),
  /** Event loops inside each gateway replica. */
  workers: z.int().min(1).max(64).default(1),
  store: z.enum(["redis", "memory"]).default("redis"),
  /** Port of the front; 0 picks a free one. */
  port: z.int().min(0).max(65535).default(8080),
  /** Lets services take `/faults`. */
  faults: z.boolean().default(false),
  /** Replicas of the services; 1 each unless given. */
  scale: z.partialRecord(z.enum(["users", "orders", "payments"]), z.int().min(1).max(64)).default(
    {},
  ),
  /** CPU limit of each gateway replica in cores, where the engine has quotas (containers). */
  cpus: z.number().positive().optional(),
  /** Extra environment of the gateway replicas; the lab pulls levers with it. */
  gatewayEnv: z.record(z.string(), z.string()).default({}),
  /** How often a front that can (Caddy) polls its replicas; the lab sets an hour to see a front without. */
  activeCheckMs: z.int().positive().optional(),
});
/** What `up` was asked for, defaults filled in. */
export type StackOptions = z.infer<typeof stackOptionsSchema>;

/** Schema of one instance in `status --json`. */
export const instanceStatusSchema = z.object({
  id: z.string(),
  service: z.enum(SERVICES),
  /** Process id on this machine; `null` while there is none. */
  pid: z.int().nullable(),
  /** `http://127.0.0.1:PORT`: one form for all, also for redis. With compose the address of the container. */
  address: z.string(),
  state: z.enum(INSTANCE_STATES),
  /** Times that the engine had to start it again. */
  restarts: z.int().nonnegative(),
  /** Resident and proportional memory of the instance with its children, in bytes. */
  rssBytes: z.int().nullable(),
  pssBytes: z.int().nullable(),
  /** CPU since the last look, 100 = one core. */
  cpuPercent: z.number().nullable(),
  /** p99 of the event-loop lag over the last window in ms; `null` for redis and front. */
  loopLagMs: z.number().nullable(),
});
/** One instance as `status` shows it. */
export type InstanceStatus = z.infer<typeof instanceStatusSchema>;

/** Schema of `status --json`. */
export const stackStatusSchema = z.object({
  engine: z.enum(["process", "compose"]),
  front: frontKindSchema,
  policy: z.enum(POLICIES),
  /** Where the front answers. */
  url: z.string(),
  instances: z.array(instanceStatusSchema),
});
/** A running stack as `status` shows it. */
export type StackStatus = z.infer<typeof stackStatusSchema>;

/** A change of the front; what is left out stays as it is. */
export interface FrontChange {
  kind?: FrontKind;
  policy?: Policy;
}

/** Options of {@linkcode Stack.logs}. */
export interface LogOptions {
  /** Only this instance. */
  instance?: string;
  /** Go on until `signal` aborts. @default false */
  follow?: boolean;
  signal?: AbortSignal;
}

/** A running system. Every method may throw a `StackError` with one line for the user. */
export interface Stack {
  /** What runs now. */
  status(): Promise<StackStatus>;
  /** Changes replicas under load; resolves when the new set serves and the old is gone. */
  scale(target: Partial<Record<ScalableService, number>>): Promise<void>;
  /** Swaps balancer or policy under load; resolves when the new one serves alone. */
  setFront(change: FrontChange): Promise<void>;
  /** Log lines, one JSON object each, oldest first. */
  logs(options?: LogOptions): AsyncIterable<string>;
  /** Sends a signal to one instance (fault injection for tests and the lab). */
  kill(instance: string, signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"): Promise<void>;
  /** Drains and stops everything; leaves no process, socket or temporary file. */
  down(): Promise<void>;
}

/**
 * Says in one line that an instance id is none.
 *
 * @param action what was asked for: "show logs"
 * @throws {StackError} unless `id` is among the known ones
 */
export function requireInstance(id: string, { action, known }: {
  action: string;
  known: readonly string[];
}): void {
  if (known.includes(id)) return;
  const rule = `the instance must be one of ${known.join(", ")}`;
  throw new StackError(`Cannot ${action}: ${rule}, received "${id}"`);
}

/** An error whose message is one line for the user; `scripts/` print it and exit 2 (1 when `exitCode` says so). */
export class StackError extends Error {
  override readonly name = "StackError";
  /** Exit status of the task. */
  readonly exitCode: 1 | 2;

  constructor(message: string, options: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    const { exitCode = 2, cause } = options;
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
  }
}
