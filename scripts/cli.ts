/**
 * What every task shares: a declarative description of its flags, `--help` made from it, and the rule
 * that wrong use is one line on stderr and exit 2.
 *
 * @module
 */
import process from "node:process";
import { z } from "zod";
import { StackError } from "../stack/stack.ts";

/** A flag with a value: `--name VALUE` or `--name=VALUE`. */
export interface ValueFlag<T> {
  kind: "value";
  /** What `--help` shows for the value, such as `N` or `nginx|caddy`. */
  placeholder: string;
  /** Parses the text; its message completes the sentence "the value ...". */
  schema: z.ZodType<T, string>;
  help: string;
}

/** A flag that is there or not. */
export interface SwitchFlag {
  kind: "switch";
  help: string;
}

/** Flags by name, without the dashes. */
export type FlagSpecs = Record<string, ValueFlag<unknown> | SwitchFlag>;

/** What parsing gives for {@linkcode FlagSpecs}: a switch is a boolean, a value that was not given `undefined`. */
export type Flags<S extends FlagSpecs> = {
  [K in keyof S]: S[K] extends ValueFlag<infer T> ? T | undefined : boolean;
};

/** One task: everything that `--help` says, and what it does. */
export interface Command<S extends FlagSpecs = FlagSpecs> {
  /** Name of the task. */
  name: string;
  /** One sentence. */
  summary: string;
  /** Placeholder of the arguments for the usage line, such as `[INSTANCE]`. @default "" (none allowed) */
  args?: string;
  /** Most arguments that may be given. @default 0, or no limit when `args` ends in "..." */
  maxArgs?: number;
  flags: S;
  /** Unknown flags are left in `args` instead of being refused. @default false */
  passThrough?: boolean;
  /** Does the work; the exit status is what it returns. @default 0 */
  run(flags: Flags<S>, args: string[]): Promise<number | void> | number | void;
}

/** Makes a {@linkcode Command}; exists so that the types of the flags are inferred. */
export function command<const S extends FlagSpecs>(spec: Command<S>): Command<S> {
  return spec;
}

/** Describes a flag with a value. */
export function value<T>(
  placeholder: string,
  schema: z.ZodType<T, string>,
  help: string,
): ValueFlag<T> {
  return { kind: "value", placeholder, schema, help };
}

/** Describes a flag without a value. */
export function toggle(help: string): SwitchFlag {
  return { kind: "switch", help };
}

/** Text of a whole number in a range. */
export function wholeNumber(min: number, max: number): z.ZodType<number, string> {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.string().regex(/^\d{1,15}$/, error).transform(Number)
    .pipe(z.number().min(min, error).max(max, error));
}

/** Text of a number, fraction allowed, above 0 and at most `max`. */
export function positiveNumber(max: number): z.ZodType<number, string> {
  const error = `must be a number above 0 and at most ${max}`;
  return z.string().regex(/^\d{1,9}(\.\d{1,9})?$/, error).transform(Number)
    .pipe(z.number().positive(error).max(max, error));
}

/** One of a few words. */
export function oneOf<const W extends string>(words: readonly W[]): z.ZodType<W, string> {
  return z.string().refine((text): text is W => (words as readonly string[]).includes(text), {
    error: `must be one of ${words.join(", ")}`,
  }) as unknown as z.ZodType<W, string>;
}

/** A comma list whose every item `item` accepts. */
export function listOf<T>(item: z.ZodType<T, string>): z.ZodType<T[], string> {
  return z.string().transform((text) => text.split(",")).pipe(z.array(item));
}

/** Any text but the empty one. */
export function text(): z.ZodType<string, string> {
  return z.string().min(1, "must not be empty");
}

/**
 * Parses the arguments of a task.
 *
 * @returns `"help"` when the user asked for it
 * @throws {StackError} with the one line for the user
 */
export function parseArguments<S extends FlagSpecs>(
  spec: Command<S>,
  argv: readonly string[],
): { flags: Flags<S>; args: string[] } | "help" {
  const flags: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(spec.flags)) {
    flags[name] = flag.kind === "switch" ? false : undefined;
  }
  const given = new Set<string>();
  const args: string[] = [];
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--") {
      args.push(...rest.splice(0));
    } else if (word === "--help" || word === "-h") {
      return "help";
    } else if (word.startsWith("-") && word !== "-") {
      const [, name = "", inline] = /^--([a-z][a-z-]*)(?:=(.*))?$/s.exec(word) ?? [];
      const flag = Object.hasOwn(spec.flags, name) ? spec.flags[name] : undefined;
      if (!flag) {
        if (!spec.passThrough) throw wrongUse(spec, `the flag must be known`, word);
        args.push(word);
        continue;
      }
      if (given.has(name)) throw wrongUse(spec, `--${name} must be given once`, word);
      given.add(name);
      flags[name] = flag.kind === "switch"
        ? switchValue(spec, name, inline)
        : parseValue(spec, `--${name}`, flag.schema, inline ?? rest.shift());
    } else {
      args.push(word);
    }
  }
  const maxArgs = spec.maxArgs ?? (spec.args?.endsWith("...") || spec.passThrough ? Infinity : 0);
  const extra = args[maxArgs];
  if (extra !== undefined) {
    const limit = maxArgs === 0 ? "no arguments" : `at most ${maxArgs} argument(s)`;
    throw wrongUse(spec, `it takes ${limit}`, extra);
  }
  return { flags: flags as Flags<S>, args };
}

/**
 * Parses one value by a schema whose messages read "must ...".
 *
 * @throws {StackError} when the value is missing or refused
 */
export function parseValue<T>(
  spec: { name: string },
  what: string,
  schema: z.ZodType<T, string>,
  given: string | undefined,
): T {
  if (given === undefined) throw wrongUse(spec, `${what} must have a value`, "");
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw wrongUse(spec, `${what} ${parsed.error.issues[0]?.message}`, given);
}

/** The one line for wrong use of a task. */
export function wrongUse(spec: { name: string }, rule: string, received: string): StackError {
  return new StackError(`Cannot run ${spec.name}: ${rule}, received ${JSON.stringify(received)}`);
}

/** The text of `--help`. */
export function helpText(spec: Command): string {
  const rows = Object.entries(spec.flags).map(([name, flag]) =>
    [`--${name}${flag.kind === "value" ? ` ${flag.placeholder}` : ""}`, flag.help] as const
  );
  rows.push(["--help", "show this"]);
  const width = Math.max(...rows.map(([left]) => left.length));
  const usage = `Usage: deno task ${spec.name}${spec.args ? ` ${spec.args}` : ""} [FLAG...]`;
  const lines = rows.map(([left, help]) => `  ${left.padEnd(width)}  ${help}`);
  return `${spec.summary}\n\n${usage}\n\n${lines.join("\n")}\n`;
}

/** Runs a task with the arguments of this process and ends the process with its exit status. */
export async function main<S extends FlagSpecs>(spec: Command<S>): Promise<never> {
  process.exit(await execute(spec, process.argv.slice(2)));
}

/**
 * Runs a task and turns every failure into one line on stderr.
 *
 * @returns the exit status: 2 for wrong use or an environment that cannot do it, 1 for a failure
 */
export async function execute<S extends FlagSpecs>(
  spec: Command<S>,
  argv: readonly string[],
): Promise<number> {
  try {
    const parsed = parseArguments(spec, argv);
    if (parsed === "help") {
      process.stdout.write(helpText(spec as unknown as Command));
      return 0;
    }
    return await spec.run(parsed.flags, parsed.args) ?? 0;
  } catch (error) {
    const line = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${line.replaceAll(/\s*\n\s*/g, "; ")}\n`);
    return error instanceof StackError ? error.exitCode : 1;
  }
}

function switchValue(spec: { name: string }, name: string, inline: string | undefined): true {
  if (inline !== undefined) throw wrongUse(spec, `--${name} takes no value`, inline);
  return true;
}
