/**
 * One system as a Compose project: its name, the file that is laid over `compose.yaml`, and the commands
 * on it. Compose makes networks, Redis, services and gateway replicas; the engine runs the front itself.
 *
 * @module
 */
import { replaceFile } from "../replace_file.ts";
import { SCALABLE, type ScalableService, type StackOptions } from "../stack.ts";
import { PROJECT_ROOT } from "../tools.ts";
import { composeCommand, type Container, containersWith, run } from "./docker.ts";
import { composeFolder, labelsOf, projectName } from "./sweep.ts";

/** Port of every instance inside its container, and of the front. */
export const INSTANCE_PORT = 3000;
/** @see INSTANCE_PORT */
export const FRONT_PORT = 8080;
/** Where the folder that the supervisor shares with the replicas is inside them. */
const SHARED = "/run/stack";

/** The folders of one project, inside the state directory. */
interface Folders {
  /** Holds what is laid over `compose.yaml`. */
  root: string;
  /** What replicas read: upstreams and secrets. */
  shared: string;
  /** Redis's append-only file: survives `down`. */
  redis: string;
}

/** A Compose project of this checkout. */
export class Project {
  readonly name: string;
  readonly #folders: Folders;
  readonly #command: readonly [string, ...string[]];
  readonly #env: Record<string, string>;
  readonly #shared = new Map<string, string>();

  private constructor(
    name: string,
    folders: Folders,
    command: readonly [string, ...string[]],
    env: Record<string, string>,
  ) {
    this.name = name;
    this.#folders = folders;
    this.#command = command;
    this.#env = env;
  }

  /** Makes the folders and writes what the options ask for; starts nothing. */
  static async create(stateDir: string, options: StackOptions): Promise<Project> {
    const root = composeFolder(stateDir);
    const folders = { root, shared: `${root}/shared`, redis: `${root}/redis` };
    Deno.mkdirSync(root, { recursive: true, mode: 0o700 });
    for (const folder of [folders.shared, folders.redis]) {
      Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
      giveToContainers(folder);
    }
    const text = JSON.stringify(overrideOf(options, folders), undefined, 2);
    Deno.writeTextFileSync(`${root}/override.json`, text, { mode: 0o600 });
    // The front of compose.yaml is not used, but must be one: its variable may say anything in this shell.
    const env = { RUNTIME: options.runtime, FRONT: "nginx" };
    return new Project(projectName(stateDir), folders, await composeCommand(), env);
  }

  /** Writes a file that every gateway replica can read; answers whether it is news. */
  share(name: string, text: string): boolean {
    if (this.#shared.get(name) === text) return false;
    this.#shared.set(name, text);
    replaceFile(`${this.#folders.shared}/${name}`, text, { prepare: giveToContainers });
    return true;
  }

  /** Builds the image; cheap when nothing changed. */
  async build(signal: AbortSignal): Promise<void> {
    await this.#compose(["build", "gateway"], signal);
  }

  /** Makes containers until each service has as many as asked for; leaves those alone that are there. */
  async start(
    counts: Partial<Record<ScalableService | "redis", number>>,
    signal?: AbortSignal,
  ): Promise<void> {
    const flags = ["-d", "--no-build", "--no-deps", "--no-recreate"];
    // One after the other: among those of one command, Compose would wait for health checks.
    for (const layer of [["redis"], ["users", "orders", "payments"], ["gateway"]] as const) {
      const names = layer.filter((name) => counts[name] !== undefined);
      if (names.length === 0) continue;
      const scale = names.map((name) => `--scale=${name}=${counts[name]}`);
      // deno-lint-ignore no-await-in-loop -- the first makes the networks of all
      await this.#compose(["up", ...flags, ...scale, ...names], signal);
    }
  }

  /** The containers that Compose made, by service, lowest number first. */
  async containers(): Promise<Container[]> {
    return (await containersWith(this.label)).sort((a, b) =>
      placeOf(a).service.localeCompare(placeOf(b).service) || placeOf(a).number - placeOf(b).number
    );
  }

  /** The label that all of them carry. */
  get label(): string {
    return labelsOf(this.name).compose;
  }

  async #compose(args: readonly string[], signal?: AbortSignal): Promise<void> {
    const [program, ...first] = this.#command;
    const files = [
      "-f",
      `${PROJECT_ROOT}compose.yaml`,
      "-f",
      `${this.#folders.root}/override.json`,
    ];
    await run(program, [...first, "-p", this.name, ...files, ...args], {
      env: this.#env,
      ...(signal ? { signal } : {}),
    });
  }
}

/** Which service a container of Compose belongs to, and its number there. */
export function placeOf(container: Container): { service: string; number: number } {
  const labels = container.Config.Labels ?? {};
  return {
    service: labels["com.docker.compose.service"] ?? "",
    number: Number(labels["com.docker.compose.container-number"] ?? 0),
  };
}

/** The id that the instance in a container gives itself (kit/runtime/run.ts). */
export function instanceIdOf(container: Container): string {
  const { service } = placeOf(container);
  return service === "redis" ? "redis" : `${service}-${container.Id.slice(0, 12)}`;
}

/** Who a container of ours runs as: somebody without rights who can read what this user writes. */
export function containerUser(): { uid: number; gid: number } {
  const uid = Deno.uid() ?? 0;
  return uid === 0 ? { uid: 65_532, gid: 65_532 } : { uid, gid: Deno.gid() ?? uid };
}

/** Lets containers read (and, for a folder, write) a path of ours. */
export function giveToContainers(path: string): void {
  const { uid, gid } = containerUser();
  if (Deno.uid() === 0) Deno.chownSync(path, uid, gid);
}

/** What the options change in `compose.yaml`. */
export function overrideOf(
  options: StackOptions,
  folders: { shared: string; redis: string },
): { services: Record<string, unknown> } {
  const { store, workers, faults, cpus, gatewayEnv } = options;
  const { uid, gid } = containerUser();
  const common = {
    user: `${uid}:${gid}`,
    // The supervisor looks by itself; a probe inside would use up a small CPU limit.
    healthcheck: { disable: true },
  };
  const env = { STORE: store };
  const service = (name: ScalableService) =>
    name === "gateway"
      ? {
        ...common,
        volumes: [`${folders.shared}:${SHARED}:ro`],
        ...(cpus === undefined ? {} : { cpus }),
        environment: {
          ...env,
          WORKERS: `${workers}`,
          UPSTREAMS_FILE: `${SHARED}/upstreams.json`,
          JWT_SECRET_FILE: `${SHARED}/jwt.secret`,
          // Redis keeps its data from run to run; counters and limits begin again.
          RUN_ID: crypto.randomUUID().slice(0, 8),
          DEMO_PASSWORD: Deno.env.get("DEMO_PASSWORD") || "demo",
          ...gatewayEnv,
        },
      }
      : { ...common, environment: { ...env, ...(faults ? { FAULTS: "1" } : {}) } };
  const redis = { user: common.user, volumes: [`${folders.redis}:/data`] };
  const services = SCALABLE.map((name) => [name, service(name)]);
  return { services: { ...Object.fromEntries(services), redis } };
}
