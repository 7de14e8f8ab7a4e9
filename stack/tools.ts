/**
 * The programs that the system and its lab run: where each is, which version, and what that version
 * rules out. Looked for in the project's own `.tools/bin`, then on `PATH` and in the usual system
 * folders (Debian keeps nginx out of a plain user's `PATH`), then where cargo installs.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { isAtLeast } from "../lb/version.ts";

/** Every program that something here may need. */
export const TOOLS = [
  "nginx",
  "caddy",
  "redis-server",
  "node",
  "oha",
  "chromium",
  "docker",
] as const;
/** One of {@linkcode TOOLS}. */
export type ToolName = (typeof TOOLS)[number];

/** A tool that can be used. */
export interface ToolFound {
  present: true;
  name: ToolName;
  /** Absolute path of the program. */
  path: string;
  /** Dotted version, such as `1.22.1`. */
  version: string;
  /** What this version rules out, one phrase each. */
  limits: readonly string[];
}

/** A tool that cannot be used. */
export interface ToolAbsent {
  present: false;
  name: ToolName;
  /** Why not, for a person: `node 20.20.2 at /usr/bin/node is older than 22.18`. */
  reason: string;
  /** The program is there but too old or not working. */
  unfit: boolean;
}

/** What {@linkcode findTool} answers. */
export type Tool = ToolFound | ToolAbsent;

interface ToolSpec {
  /** Names of the program, best first. */
  programs: readonly string[];
  /** Arguments that make it print its version. */
  versionArgs: readonly string[];
  /** The oldest version that will do. */
  minimum?: string;
  /** What is missing below a version. */
  limits?: readonly { below: string; means: string }[];
  /** What a failing version command means. */
  failure?: string;
}

const SPECS: Readonly<Record<ToolName, ToolSpec>> = {
  nginx: {
    programs: ["nginx"],
    versionArgs: ["-v"],
    minimum: "1.18",
    limits: [
      { below: "1.27.3", means: "names are resolved once, at start (no `resolve` of upstreams)" },
      { below: "1.27.4", means: "a reload may reset idle kept-alive connections" },
    ],
  },
  caddy: {
    programs: ["caddy"],
    versionArgs: ["version"],
    minimum: "2.6",
    limits: [
      { below: "2.11.2", means: "passive health is forgotten whenever names are resolved again" },
    ],
  },
  "redis-server": { programs: ["redis-server"], versionArgs: ["--version"], minimum: "6.2" },
  node: {
    programs: ["node"],
    versionArgs: ["--version"],
    minimum: "22.18", // runs TypeScript unbuilt without a flag
  },
  oha: {
    programs: ["oha"],
    versionArgs: ["--version"],
    minimum: "1.15", // earlier ones have --latency-correction wrong
  },
  chromium: {
    programs: ["chromium", "chromium-browser", "google-chrome"],
    versionArgs: ["--version"],
  },
  docker: {
    programs: ["docker"],
    versionArgs: ["version", "--format", "{{.Server.Version}}"], // fails without an engine
    failure: "no engine answers it",
  },
};

/** The folder of this checkout. */
export const PROJECT_ROOT: string = fileURLToPath(new URL("../", import.meta.url));

/** Options of {@linkcode findTool}. */
export interface FindToolOptions {
  /**
   * Folders to look in, first match with a good enough version wins.
   *
   * @default {@linkcode searchPath}()
   */
  folders?: readonly string[];
}

/** Where tools are looked for, in order. */
export function searchPath(): string[] {
  const home = Deno.env.get("HOME");
  return [
    `${PROJECT_ROOT}.tools/bin`,
    ...(Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder.startsWith("/")),
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    ...(home ? [`${home}/.cargo/bin`] : []),
  ];
}

/** Looks for a tool and asks its version. Needs permission to read, to run and to see the environment. */
export function findTool(name: ToolName, options: FindToolOptions = {}): Tool {
  const { folders = searchPath() } = options;
  const spec = SPECS[name];
  let reason: string | undefined;
  for (const path of candidates(spec.programs, folders)) {
    const version = readVersion(path, spec.versionArgs);
    if (version === undefined) {
      reason ??= `${path} does not say its version${spec.failure ? `: ${spec.failure}` : ""}`;
    } else if (spec.minimum !== undefined && !isAtLeast(version, spec.minimum)) {
      reason ??= `${name} ${version} at ${path} is older than ${spec.minimum}`;
    } else {
      const limits = (spec.limits ?? [])
        .filter(({ below }) => !isAtLeast(version, below))
        .map(({ below, means }) => `${means}; needs >= ${below}`);
      return { present: true, name, path, version, limits };
    }
  }
  return {
    present: false,
    name,
    reason: reason ?? `${name} is not installed`,
    unfit: reason !== undefined,
  };
}

function candidates(programs: readonly string[], folders: readonly string[]): string[] {
  const paths = programs.flatMap((program) => folders.map((folder) => `${folder}/${program}`));
  return [...new Set(paths)].filter(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && ((mode ?? 0) & 0o111) !== 0;
  } catch {
    return false; // not there, or not ours to see: either way not a candidate
  }
}

function readVersion(path: string, args: readonly string[]): string | undefined {
  try {
    const { success, stdout, stderr } = new Deno.Command(path, { args: [...args] }).outputSync();
    if (!success) return undefined;
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    return /\d+(?:\.\d+)+/.exec(text)?.[0];
  } catch {
    return undefined; // cannot be started (wrong machine type, broken link): as good as absent
  }
}
