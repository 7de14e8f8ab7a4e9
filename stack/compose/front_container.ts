/**
 * The front as containers. A small one (the edge) owns the published port and its network, and does
 * nothing else; the fronts live in its network one after the other and share the port during a swap,
 * so that a swap refuses nobody.
 *
 * @module
 */
import type { Front, FrontKind } from "../../lb/front.ts";
import { type FrontLaunch, launchOf } from "../../lb/launch.ts";
import { poll } from "../poll.ts";
import { answersAs } from "../answers.ts";
import { findFreePorts } from "../ports.ts";
import { replaceFile } from "../replace_file.ts";
import { StackError } from "../stack.ts";
import { PROJECT_ROOT } from "../tools.ts";
import { type Container, docker, inspect } from "./docker.ts";
import { containerUser, FRONT_PORT, giveToContainers } from "./project.ts";

/** Where a front's folder is inside its container. */
const DIRECTORY = "/run/front";
/** An nginx that serves nothing. */
const IDLE = "daemon off; error_log stderr; events {}\n";
const START_TIMEOUT_MS = 15_000;
const PROBE_TIMEOUT_MS = 1_000;
const RELOAD_TIMEOUT_MS = 5_000;
const HARDENED = [
  "--read-only",
  "--cap-drop=ALL",
  "--security-opt=no-new-privileges:true",
  "--tmpfs=/tmp:mode=1777,size=64m",
  "--restart=unless-stopped",
  "--log-opt=max-size=10m",
  "--pids-limit=64",
];

/** Options of {@linkcode FrontContainer.create}. */
export interface FrontContainerOptions {
  /** Prefix of the names of containers and networks. */
  project: string;
  /** Label that all of them carry. */
  label: string;
  /** Folder on this machine for the configurations. */
  folder: string;
  /** Port on this machine; 0 picks a free one. */
  port: number;
  config: Front;
}

interface Running {
  container: string;
  config: Front;
  launch: FrontLaunch;
}

/** The front of one stack of containers. */
export class FrontContainer {
  readonly #options: FrontContainerOptions;
  readonly #edge: string;
  /** Where it answers. */
  readonly url: string;
  #generation = 0;
  #running: Running | undefined;

  private constructor(options: FrontContainerOptions, edge: string, url: string) {
    this.#options = options;
    this.#edge = edge;
    this.url = url;
  }

  /** Publishes the port and starts the front; resolves when it answers. */
  static async create(options: FrontContainerOptions): Promise<FrontContainer> {
    const { project, label, folder } = options;
    // One that Docker picks would be another after each start of the edge.
    const port = options.port || findFreePorts(1)[0];
    const edge = `${project}-edge`;
    const network = `${project}-published`;
    const idle = `${folder}/idle.conf`;
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    Deno.writeTextFileSync(idle, `pid /tmp/idle.pid; ${IDLE}`);
    await docker(["network", "create", `--label=${label}`, network]);
    await docker([
      ...["run", "-d", `--name=${edge}`, `--label=${label}`, ...HARDENED, "--memory=32m"],
      ...[`--network=${network}`, `--publish=127.0.0.1:${port}:${FRONT_PORT}`],
      ...[`--user=65532:65532`, `--volume=${idle}:/idle.conf:ro`, "--entrypoint=nginx"],
      ...[imageOf("nginx"), "-p", "/tmp", "-e", "stderr", "-c", "/idle.conf"],
    ]);
    await docker(["network", "connect", `${project}_front`, edge]);
    const front = new FrontContainer(options, edge, `http://127.0.0.1:${port}`);
    front.#running = await front.#start(options.config);
    return front;
  }

  /** What it is told now. */
  get config(): Front {
    return this.#current.config;
  }

  /** The container that serves. */
  async container(): Promise<Container | undefined> {
    return (await inspect([this.#current.container]))[0];
  }

  /** Makes `config` the one that serves, alone, without refusing a request meanwhile. */
  async apply(config: Front): Promise<void> {
    const old = this.#current;
    if (config.kind !== old.config.kind) {
      this.#running = await this.#start(config);
      return await this.#end(old);
    }
    const next = { ...config, id: old.config.id };
    const launch = launchOf(next, { version: versionOf(imageOf(next.kind)), directory: DIRECTORY });
    this.#write(next.id, launch);
    await reload(old.container, next.kind, launch);
    this.#running = { ...old, config: next, launch };
  }

  /** Starts again what ended. A front whose edge ended has lost its network, also if it still runs. */
  async revive(): Promise<void> {
    const current = this.#current;
    const [edge, front] = await inspect([this.#edge, current.container]);
    if (!edge || !front) return; // removed by hand: only a new `up` makes them
    const isWell = [edge, front].every(({ State }) => State.Status === "running");
    if (isWell && Date.parse(front.State.StartedAt) >= Date.parse(edge.State.StartedAt)) return;
    await docker(["start", this.#edge]);
    await docker(["restart", "-t", "0", current.container]);
    await this.#untilServed(current);
  }

  /** Finishes what is in flight and ends. */
  async stop(): Promise<void> {
    if (this.#running) await this.#end(this.#running);
  }

  get #current(): Running {
    if (!this.#running) throw new TypeError("Cannot use the front: it must have started");
    return this.#running;
  }

  async #start(wanted: Front): Promise<Running> {
    const { project, label, folder } = this.#options;
    const { kind } = wanted;
    const config = { ...wanted, id: `front-${++this.#generation}` };
    const launch = launchOf(config, { version: versionOf(imageOf(kind)), directory: DIRECTORY });
    const user = containerUser();
    const own = `${folder}/${config.id}`;
    Deno.mkdirSync(own, { mode: 0o700 });
    giveToContainers(own);
    this.#write(config.id, launch);
    const container = `${project}-${config.id}`;
    await docker([
      ...["run", "-d", `--name=${container}`, `--label=${label}`, ...HARDENED, "--memory=256m"],
      ...[`--network=container:${this.#edge}`, `--user=${user.uid}:${user.gid}`],
      ...[`--volume=${own}:${DIRECTORY}`, `--stop-signal=${launch.stopSignal}`],
      // The program in Caddy's public image carries this file capability and cannot start without it.
      ...(kind === "caddy" ? ["--cap-add=NET_BIND_SERVICE"] : []),
      ...Object.entries(launch.env).map(([name, value]) => `--env=${name}=${value}`),
      ...[`--entrypoint=${kind}`, imageOf(kind), ...launch.args],
    ]);
    const running = { container, config, launch };
    try {
      await this.#untilServed(running);
    } catch (error) {
      await docker(["rm", "-f", container]);
      throw error;
    }
    return running;
  }

  async #end({ container, config, launch }: Running): Promise<void> {
    if (config.kind === "nginx") {
      // Told to quit, its master would close the port later than its workers stop accepting, and what
      // queues up meanwhile is lost. A configuration without a port makes the master let go first.
      this.#write(config.id, { ...launch, text: `pid nginx.pid; ${IDLE}` });
      await reload(container, "nginx", launch).catch(() => {}); // it has ended already
    }
    await docker(["stop", "-t", `${Math.ceil(config.drainMs / 1000) + 2}`, container]);
    await docker(["rm", "-f", container]);
    await Deno.remove(`${this.#options.folder}/${config.id}`, { recursive: true });
  }

  #write(id: string, { file, text }: FrontLaunch): void {
    replaceFile(`${this.#options.folder}/${id}/${file}`, text, { prepare: giveToContainers });
  }

  /** Two fronts may share the port: only the answer of this one counts. */
  async #untilServed({ container, config }: Running): Promise<void> {
    const looks = { timeoutMs: START_TIMEOUT_MS, everyMs: 50 };
    const isServed = await poll(() => {
      const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
      return answersAs(config.id, { url: this.url, signal }).catch(() => false); // nobody does yet
    }, looks);
    if (isServed) return;
    const said = await docker(["logs", "--tail=1", container]).catch(() => "");
    throw new StackError(`Cannot start the front: it must answer, received "${said}"`);
  }
}

/** Resolves when nothing that followed the old configuration takes connections any more. */
async function reload(container: string, kind: FrontKind, launch: FrontLaunch): Promise<void> {
  if (launch.reload.kind === "command") {
    await docker(["exec", container, kind, ...launch.reload.args]);
    return;
  }
  // A bad file would be ignored silently.
  await docker(["exec", container, kind, ...launch.checkArgs(`${DIRECTORY}/${launch.file}`)]);
  const old = await workers(container);
  await docker(["kill", `--signal=${launch.reload.signal}`, container]);
  const areNew = await poll(async () => {
    const now = await workers(container);
    return ![...old].some((pid) => now.has(pid));
  }, { timeoutMs: RELOAD_TIMEOUT_MS, everyMs: 20 });
  if (areNew) return;
  throw new StackError(
    `Cannot reload the front: its workers must be replaced in ${RELOAD_TIMEOUT_MS} ms`,
    { exitCode: 1 },
  );
}

/** The nginx workers that take connections: one that only finishes what it has says so in its title. */
async function workers(container: string): Promise<Set<string>> {
  const lines = (await docker(["top", container, "-eo", "pid,args"])).split("\n");
  const taking = lines.filter((line) => / worker process\s*$/.test(line));
  return new Set(taking.map((line) => line.trim().split(/\s+/)[0] ?? ""));
}

/** The image that `docker compose` takes for a front. */
export function imageOf(kind: FrontKind): string {
  const file = `compose.${kind}.yaml`;
  const image = /image: (\S+)/.exec(Deno.readTextFileSync(PROJECT_ROOT + file))?.[1];
  if (image === undefined) throw new TypeError(`Cannot find the image: ${file} must name one`);
  return image;
}

/** The version that an image's tag says: `caddy:2.11-alpine` is 2.11. */
export function versionOf(image: string): string {
  return /:(\d+(?:\.\d+)+)/.exec(image)?.[1] ?? "0";
}
