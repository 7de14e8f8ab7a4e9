/**
 * The compose engine: the same system as containers. Docker restarts what crashes; this supervisor keeps
 * the lists of replicas that front and gateway go by, and takes a replica out of them before it is
 * stopped.
 *
 * Needs an engine on this machine whose containers can be reached by their addresses (Linux).
 *
 * @module
 */
import { type Clock, systemClock } from "../../kit/clock.ts";
import { desiredFront, desiredReplicas } from "../desired.ts";
import { requireFreePort } from "../ports.ts";
import {
  type FrontChange,
  type LogOptions,
  requireInstance,
  type ScalableService,
  type Stack,
  type StackOptions,
  type StackStatus,
} from "../stack.ts";
import { removeVolatile, takeStateDir } from "../supervisor/state_dir.ts";
import {
  type Engine,
  type StartOptions,
  type Supervision,
  Supervisor,
} from "../supervisor/supervisor.ts";
import {
  type Container,
  containerEvents,
  docker,
  requireEngine,
  stopContainers,
} from "./docker.ts";
import { followChange } from "./follow.ts";
import { FrontContainer } from "./front_container.ts";
import { readContainerLogs } from "./logs.ts";
import { FRONT_PORT, placeOf, Project } from "./project.ts";
import { Replicas } from "./replicas.ts";
import { composeFolder, labelsOf, sweepContainers } from "./sweep.ts";
import { ContainerMeter, type Known } from "./usage.ts";
import { type Change, watchContainers } from "./watch.ts";

/**
 * Builds the image, starts the system as containers, and resolves when a request through the front is
 * answered.
 *
 * @throws {StackError} with one line when there is no engine or something does not start; nothing is
 * left running then
 */
export async function startContainers(
  options: StackOptions,
  { stateDir, clock = systemClock, signal }: StartOptions,
): Promise<Supervisor> {
  requireEngine();
  const held = await takeStateDir(stateDir);
  await sweepContainers(stateDir);
  removeVolatile(held.dir);
  const project = await Project.create(stateDir, options);
  return await Supervisor.start(
    (supervision) => new ComposeEngine({ options, stateDir, project, clock, supervision }),
    { held, signal },
  );
}

interface ComposeEngineOptions {
  options: StackOptions;
  stateDir: string;
  project: Project;
  clock: Clock;
  supervision: Supervision;
}

class ComposeEngine implements Engine {
  readonly #options: StackOptions;
  readonly #stateDir: string;
  readonly #project: Project;
  readonly #clock: Clock;
  readonly #supervision: Supervision;
  readonly #replicas: Replicas;
  readonly #meter = new ContainerMeter();
  #front: FrontContainer | undefined;
  #starting: Promise<void> | undefined;
  #watching: Promise<void> | undefined;

  constructor({ options, stateDir, project, clock, supervision }: ComposeEngineOptions) {
    this.#options = options;
    this.#stateDir = stateDir;
    this.#project = project;
    this.#clock = clock;
    this.#supervision = supervision;
    this.#replicas = new Replicas(project, clock);
  }

  get url(): string {
    return this.#requireFront().url;
  }

  start(): Promise<void> {
    const starting = this.#start();
    this.#starting = starting.then(() => {}, () => {}); // its caller is told
    return starting;
  }

  async #start(): Promise<void> {
    const { port, store } = this.#options;
    const { closing } = this.#supervision;
    requireFreePort(port);
    this.#project.share("jwt.secret", crypto.randomUUID() + crypto.randomUUID());
    this.#project.share("upstreams.json", `{"users":[],"orders":[],"payments":[]}`);
    await this.#project.build(closing);
    closing.throwIfAborted();
    this.#watching = this.#watch(closing);
    const redis = store === "redis" ? { redis: 1 } : {};
    await this.#project.start({ ...redis, ...desiredReplicas(this.#options) }, closing);
    await this.#replicas.untilServing(closing);
    const current = await this.#replicas.current();
    await this.#replicas.publish(current);
    closing.throwIfAborted();
    const upstreams = this.#replicas.upstreamsOf(current);
    this.#front = await FrontContainer.create({
      project: this.#project.name,
      label: labelsOf(this.#project.name).stack,
      folder: `${composeFolder(this.#stateDir)}/front`,
      port,
      config: desiredFront(this.#options, { host: "0.0.0.0", port: FRONT_PORT, upstreams }),
    });
    // Nobody followed what started again meanwhile.
    for (const { Id } of await this.#replicas.look()) this.#follow({ kind: "started", id: Id });
  }

  async status(): Promise<StackStatus> {
    const { config: { kind, policy }, url } = this.#requireFront();
    const looks = (await this.#instances())
      .map(({ container, known }) => this.#meter.look(container, known));
    return { engine: "compose", front: kind, policy, url, instances: await Promise.all(looks) };
  }

  async scale(target: Partial<Record<ScalableService, number>>): Promise<void> {
    const announce = () => this.#announce();
    await this.#replicas.scale(target, { announce, signal: this.#supervision.closing });
  }

  async setFront(change: FrontChange): Promise<void> {
    const front = this.#requireFront();
    const upstreams = this.#replicas.upstreamsOf(await this.#replicas.current());
    await front.apply({ ...front.config, ...change, upstreams });
  }

  async *logs(options: LogOptions): AsyncGenerator<string> {
    const instances = await this.#instances();
    const ids = new Map(instances.map(({ known, container }) => [known.id, container.Id]));
    const { instance } = options;
    if (instance !== undefined) {
      requireInstance(instance, { action: "show logs", known: [...ids.keys()] });
    }
    yield* readContainerLogs(ids, options);
  }

  async kill(id: string, signal: Parameters<Stack["kill"]>[1]): Promise<void> {
    const instances = await this.#instances();
    requireInstance(id, { action: "signal", known: instances.map(({ known }) => known.id) });
    const target = instances.find(({ known }) => known.id === id);
    if (target) await docker(["kill", `--signal=${signal}`, target.container.Id]);
  }

  async stop(): Promise<void> {
    // An unfinished start would go on making containers after the sweep.
    await this.#starting;
    await this.#watching;
    try {
      await this.#front?.stop();
      const containers = await this.#project.containers();
      const stop = (...services: string[]) =>
        stopContainers(containers.filter((one) => services.includes(placeOf(one).service)));
      await stop("gateway");
      await stop("users", "orders", "payments");
      await stop("redis");
    } catch {
      // Somebody removed a container meanwhile: no order can be kept, and the sweep ends what is there.
    }
    await sweepContainers(this.#stateDir);
  }

  /** All containers that `status` shows, the front last. */
  async #instances(): Promise<{ container: Container; known: Known }[]> {
    const all = (await this.#project.containers())
      .map((container) => ({ container, known: this.#replicas.knownOf(container) }));
    const front = this.#requireFront();
    const container = await front.container();
    if (!container) return all;
    const known = { id: "front", service: "front", address: front.url, state: "ready" } as const;
    return [...all, { container, known: { ...known, restarts: container.RestartCount } }];
  }

  /** Tells front and gateway which replicas there are, and waits until they know. */
  async #announce(): Promise<void> {
    const current = await this.#replicas.current();
    const front = this.#requireFront();
    const upstreams = this.#replicas.upstreamsOf(current);
    const isNews = JSON.stringify(upstreams) !== JSON.stringify(front.config.upstreams);
    // With no replica at all there is nothing to render: the front goes on trying the last ones.
    if (isNews && current.gateway.length > 0) await front.apply({ ...front.config, upstreams });
    await this.#replicas.publish(current);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const common = {
      clock: this.#clock,
      signal,
      onChange: (change: Change) => this.#follow(change),
    };
    const project = this.#project;
    await Promise.all([
      watchContainers({
        ...common,
        label: project.label,
        containers: () => project.containers(),
        replicas: this.#replicas,
      }),
      // Edge and front: they revive together.
      watchContainers({
        ...common,
        label: labelsOf(project.name).stack,
        containers: () => Promise.resolve([]),
        replicas: { isLeaving: () => false, noteEnd() {} },
        engine: { events: containerEvents, start: () => Promise.resolve() },
      }),
    ]);
  }

  #follow(what: Change): void {
    const front = this.#front;
    if (!front) return; // still starting: nobody has a list yet
    followChange(what, {
      replicas: this.#replicas,
      revive: () => front.revive(),
      announce: () => this.#announce(),
      change: (change) => this.#supervision.change(change),
      signal: this.#supervision.closing,
    }).catch(() => {}); // going down, or it ended again, which is the next event
  }

  #requireFront(): FrontContainer {
    if (!this.#front) throw new TypeError("Cannot use the stack: it must have started");
    return this.#front;
  }
}
