/**
 * How an instance's process is started on each runtime: the narrowest permissions that it works under,
 * and the heap settings that keep a replica small. The stack starts replicas with it, the Dockerfile spells
 * it out (its files cannot change, so it has no cache of compiled code), the black-box tests run under it.
 *
 * @module
 */

/** Options of {@linkcode denoArgs}. */
export interface DenoArgsOptions {
  /** Folders and files that the instance reads: the project, and where its secrets and lists are. */
  read: readonly string[];
  /** Hosts that it listens on and connects to, any port. @default ["127.0.0.1"] */
  net?: readonly string[];
}

/**
 * Keeps a replica small at little CPU (docs/decisions.md): it may collect the garbage of its own start, the
 * young generation stays at 16 MB, the old one grows in steps of 30 %. Without pretenuring, because in some
 * starts V8 takes the bodies of answers for objects that grow old, and that process is slower for good.
 */
const HEAP = [
  "--expose-gc",
  "--max-semi-space-size=16",
  "--heap-growing-percent=30",
  "--no-allocation-site-pretenuring",
];

/**
 * Arguments of `deno` up to the script.
 *
 * Nothing may be written, run, or asked of the system, but for a lower priority (threads of the CPU pool
 * take one). The environment is open to reading, because ioredis enumerates it: start the process with
 * nothing in its environment that it should not know.
 */
export function denoArgs(options: DenoArgsOptions): string[] {
  const { read, net = ["127.0.0.1"] } = options;
  return [
    "run",
    "--quiet",
    "--no-prompt",
    "--cached-only",
    `--v8-flags=${HEAP.join(",")}`,
    `--allow-net=${net.join(",")}`,
    "--allow-env",
    "--allow-sys=setPriority",
    `--allow-read=${read.join(",")}`,
  ];
}

/** Arguments of `node` up to the script. */
export function nodeArgs(): string[] {
  return ["--disable-warning=ExperimentalWarning", ...HEAP];
}

/**
 * Environment of `node`: together these halve the private memory of a replica (docs/decisions.md).
 *
 * @param cache folder for compiled code, so that only the first start loads the TypeScript stripper
 */
export function nodeEnvironment(cache: string): Record<string, string> {
  return { NODE_COMPILE_CACHE: cache, MALLOC_ARENA_MAX: "1" };
}
