/**
 * The environment of an instance: what every service reads, parsed once and strictly.
 *
 * @module
 */
import { z } from "zod";

/** An integer as the environment spells it: decimal digits, nothing else. */
export function integerText(
  { min, max }: { min: number; max: number },
): z.ZodType<number, string> {
  const rule = `must be an integer from ${min} to ${max}`;
  return z.string().regex(/^-?\d+$/, rule).transform(Number).pipe(
    z.int(rule).min(min, rule).max(max, rule),
  );
}

const port = integerText({ min: 0, max: 65_535 });

/** Schema of {@linkcode InstanceSettings}. */
export const instanceSettingsSchema = z.object({
  HOST: z.string().min(1).default("127.0.0.1"),
  /** 0 picks a free port; the `listening` log line says which. */
  PORT: port.default(0),
  INSTANCE_ID: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, "must match [a-z0-9][a-z0-9.-]*")
    .optional(),
  /** Port of the heartbeat readiness, which answers while the event loop is blocked. */
  HEALTH_PORT: port.optional(),
  /** Event loops that share the port. */
  WORKERS: integerText({ min: 1, max: 64 }).default(1),
  /** Time from the first signal until requests that are still open are cut. */
  DRAIN_TIMEOUT_MS: integerText({ min: 0, max: 600_000 }).default(10_000),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info"),
});
/** What every instance is told through its environment. */
export type InstanceSettings = z.infer<typeof instanceSettingsSchema>;

/** Environment variables as `process.env` gives them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Parses `env` with `schema`; an empty variable counts as absent.
 *
 * @throws {TypeError} that names every variable that is wrong, and what it was
 */
export function parseEnvironment<T>(schema: z.ZodType<T>, env: Environment): T {
  const result = schema.safeParse(withoutEmpty(env));
  if (result.success) return result.data;
  throw new TypeError(`Cannot read environment: ${describeIssues(result.error, env).join("; ")}`);
}

/** What is wrong with `env` for any of the schemas, one phrase each. */
export function environmentIssues(schemas: readonly z.ZodType[], env: Environment): string[] {
  return schemas.flatMap((schema) => {
    const { error } = schema.safeParse(withoutEmpty(env));
    return error ? describeIssues(error, env) : [];
  });
}

function withoutEmpty(env: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => value ? [[name, value]] : []),
  );
}

function describeIssues(error: z.ZodError, env: Environment): string[] {
  return error.issues.map(({ path, message }) => {
    const name = String(path[0] ?? "environment");
    const value = env[name];
    return `${name} ${message}, received ${value ? `"${value}"` : "nothing"}`;
  });
}
