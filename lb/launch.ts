/**
 * How a front is run: its file, its commands and its signals, as data. Whoever starts processes (the
 * process engine, a test) carries it out.
 *
 * @module
 */
import { caddyAdminSocket, caddyEnvironment, renderCaddy } from "./caddy.ts";
import type { Front, FrontProgram } from "./front.ts";
import { renderNginx } from "./nginx.ts";

/** How to run one {@linkcode Front}. */
export interface FrontLaunch {
  /** Configuration file, relative to the program's directory. */
  file: string;
  /** What must stand in it. */
  text: string;
  /** Arguments that run it in the foreground; logs go to stderr. */
  args: string[];
  /** Arguments that check a file and exit with 0 when it is good. */
  checkArgs(path: string): string[];
  /** How the running one is told to read its file again. */
  reload: { kind: "signal"; signal: "SIGHUP" } | { kind: "command"; args: string[] };
  /** The signal that ends it after the requests in flight. */
  stopSignal: "SIGQUIT" | "SIGTERM";
  /** Environment to be added. */
  env: Record<string, string>;
}

/** How to run `front` with the program at hand. */
export function launchOf(front: Front, program: FrontProgram): FrontLaunch {
  return front.kind === "nginx" ? nginx(front, program) : caddy(front, program);
}

function nginx(front: Front, program: FrontProgram): FrontLaunch {
  const base = ["-p", program.directory, "-e", "stderr", "-c"];
  return {
    file: "nginx.conf",
    text: renderNginx(front, program),
    args: [...base, "nginx.conf"],
    checkArgs: (path) => [...base, path, "-t", "-q"],
    reload: { kind: "signal", signal: "SIGHUP" },
    stopSignal: "SIGQUIT",
    env: {},
  };
}

function caddy(front: Front, program: FrontProgram): FrontLaunch {
  const path = `${program.directory}/Caddyfile`;
  const config = (file: string) => ["--config", file, "--adapter", "caddyfile"];
  return {
    file: "Caddyfile",
    text: renderCaddy(front, program),
    args: ["run", ...config(path)],
    checkArgs: (file) => ["validate", ...config(file)],
    reload: {
      kind: "command",
      args: ["reload", ...config(path), "--address", caddyAdminSocket(program)],
    },
    stopSignal: "SIGTERM",
    env: caddyEnvironment(program),
  };
}
