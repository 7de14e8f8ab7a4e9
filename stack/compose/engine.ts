/**
 * The compose engine: the same system as containers. Docker restarts what crashes; this supervisor keeps
 * the lists of replicas that front and gateway go by, and takes a replica out of them before it is
 * stopped.
 *
 * Needs an engine on this machine whose containers can be reached by their addresses (Linux).
 *
 * @module
 */
import { z } from "zod";
import { type Clock, systemClock } from "../../kit/clock.ts";
import { frontSchema } from "../../lb/front.ts";
import { serveControl } from "../process/control.ts";
import { isPortFree } from "../process/ports.ts";
import {
  createFolders,
  holdStateDir,
  removeVolatile,
  type StateDir,
  stateDir,
} from "../process/state_dir.ts";
import {
  type FrontChange,
  type LogOptions,
  SCALABLE,
  type ScalableService,
  SERVICES,
  type Stack,
  StackError,
  type StackOptions,
  type StackStatus,
} from "../stack.ts";
import { type Container, docker, requireEngine } from "./docker.ts";
import { FrontContainer } from "./front_container.ts";
import { readContainerLogs } from "./logs.ts";
import { FRONT_PORT, instanceIdOf, placeOf, Project } from "./project.ts";
import { Replicas } from "./replicas.ts";
import { composeFolder, labelsOf, sweepContainers } from "./sweep.ts";
import { ContainerMeter } from "./usage.ts";
import { watchContainers } from "./watch.ts";

/** Time to drain (10 s in compose.yaml) and a little more; then a container is killed. */
const STOP_AFTER_S = "12";
const MAX_REPLICAS = 64;
const serviceSchema = z.enum(SERVICES);

/** Options of {@linkcode ComposeStack.start} that are not the user's. */
export interface ComposeStackOptions {
  /** Absolute path of the state directory. */
  stateDir: string;
  /** @default systemClock */
  clock?: Clock;
  /** Brings the stack down when it aborts, also while it starts. */
  signal?: AbortSignal;
}

/** A system of containers. */
export class ComposeStack implements Stack, AsyncDisposable {
  readonly #options: StackOptions;
  readonly #dir: StateDir;
  readonly #clock: Clock;
  readonly #lock: Deno.FsFile;
  readonly #project: Project;
  readonly #replicas: Replicas;
  readonly #meter = new ContainerMeter();
  readonly #closing = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  #front: FrontContainer | undefined;
  #control: AsyncDisposable | undefined;
  #watching: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #down: Promise<void> | undefined;
  /** Changes happen one after the other. */
  #changes: Promise<unknown> = Promise.resolve();

  private constructor(
    options: StackOptions,
    dir: StateDir,
    lock: Deno.FsFile,
    project: Project,
    clock: Clock,
  ) {
    this.#options = options;
    this.#dir = dir;
    this.#lock = lock;
    this.#project = project;
    this.#clock = clock;
    this.#replicas = new Replicas(project, clock);
  }

  /**
   * Builds the image, starts everything, and resolves when a request through the front is answered.
   *
   * @throws {StackError} with one line when there is no engine or something does not start; nothing is
   * left running then
   */
  static async start(options: StackOptions, rest: ComposeStackOptions): Promise<ComposeStack> {
    const { clock = systemClock, signal } = rest;
    requireEngine();
    const dir = stateDir(rest.stateDir);
    createFolders(dir);
    const lock = await holdStateDir(dir);
    if (!lock) {
      throw new StackError(`Cannot start the stack: one must not run yet, received "${dir.root}"`);
    }
    await sweepContainers(dir.root);
    removeVolatile(dir);
    const project = await Project.create(dir.root, options);
    const stack = new ComposeStack(options, dir, lock, project, clock);
    signal?.addEventListener("abort", () => void stack.down(), { once: true });
    try {
      await stack.#startAll();
      return stack;
    } catch (error) {
      const interrupted = stack.#closing.signal.aborted;
      await stack.down();
      if (interrupted) {
        throw new StackError("Cannot start the stack: it was told to stop", { exitCode: 1 });
      }
      throw error;
    }
  }

  /** Resolves when the stack is down, whoever asked for it. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Where the front answers. */
  get url(): string {
    return this.#requireFront().url;
  }

  async status(): Promise<StackStatus> {
    const { config: { kind, policy }, url } = this.#requireFront();
    const containers = (await this.#project.containers()).sort((a, b) =>
      placeOf(a).service.localeCompare(placeOf(b).service) || placeOf(a).number - placeOf(b).number
    );
    const looks = containers.map((container) =>
      this.#meter.look(container, {
        id: instanceIdOf(container),
        service: serviceSchema.parse(placeOf(container).service),
        address: this.#replicas.addressOf(container),
        state: this.#replicas.stateOf(container),
        restarts: this.#replicas.restartsOf(container),
      })
    );
    const front = await this.#requireFront().container();
    if (front) {
      const restarts = front.RestartCount;
      const known = { id: "front", service: "front", address: url, state: "ready" } as const;
      looks.push(this.#meter.look(front, { ...known, restarts }));
    }
    return { engine: "compose", front: kind, policy, url, instances: await Promise.all(looks) };
  }

  scale(target: Partial<Record<ScalableService, number>>): Promise<void> {
    return this.#change(async () => {
      for (const [service, count] of Object.entries(target)) {
        if (!Number.isInteger(count) || count < 1 || count > MAX_REPLICAS) {
          const rule = `replicas must be a whole number from 1 to ${MAX_REPLICAS}`;
          throw new StackError(`Cannot scale ${service}: ${rule}, received "${count}"`);
        }
      }
      const before = await this.#replicas.current();
      const growing = SCALABLE.filter((name) => (target[name] ?? 0) > before[name].length);
      if (growing.length > 0) {
        await this.#project.start(Object.fromEntries(growing.map((n) => [n, target[n] ?? 1])));
        await this.#replicas.untilServing(this.#closing.signal);
        await this.#announce();
      }
      const surplus = SCALABLE.flatMap((name) => before[name].slice(target[name] ?? Infinity));
      if (surplus.length > 0) await this.#remove(surplus);
    });
  }

  setFront(change: FrontChange): Promise<void> {
    return this.#change(async () => {
      const front = this.#requireFront();
      const upstreams = this.#replicas.upstreamsOf(await this.#replicas.current());
      await front.apply({ ...front.config, ...change, upstreams });
    });
  }

  async *logs(options: LogOptions = {}): AsyncGenerator<string> {
    const ids = new Map((await this.#containers()).map(({ id, container }) => [id, container.Id]));
    const { instance, signal } = options;
    if (instance !== undefined && !ids.has(instance)) {
      const rule = `the instance must be one of ${[...ids.keys()].sort().join(", ")}`;
      throw new StackError(`Cannot show logs: ${rule}, received "${instance}"`);
    }
    const closing = this.#closing.signal;
    yield* readContainerLogs(ids, {
      ...options,
      signal: signal ? AbortSignal.any([signal, closing]) : closing,
    });
  }

  async kill(id: string, signal: Parameters<Stack["kill"]>[1]): Promise<void> {
    const all = await this.#containers();
    const target = all.find((one) => one.id === id);
    if (!target) {
      const rule = `the instance must be one of ${all.map((one) => one.id).sort().join(", ")}`;
      throw new StackError(`Cannot signal: ${rule}, received "${id}"`);
    }
    await docker(["kill", `--signal=${signal}`, target.container.Id]);
  }

  down(): Promise<void> {
    this.#down ??= this.#stopAll().finally(async () => {
      await this.#control?.[Symbol.asyncDispose]();
      this.#lock.close();
      this.#closed.resolve();
    });
    return this.#down;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.down();
  }

  async #startAll(): Promise<void> {
    const { port, replicas, scale, front: kind, policy, store, activeCheckMs } = this.#options;
    if (port !== 0 && !isPortFree(port)) {
      const rule = "the port must be free (choose another with --port)";
      throw new StackError(`Cannot start the stack: ${rule}, received "${port}"`);
    }
    const { signal } = this.#closing;
    this.#project.share("jwt.secret", crypto.randomUUID() + crypto.randomUUID());
    this.#project.share("upstreams.json", `{"users":[],"orders":[],"payments":[]}`);
    await this.#project.build(signal);
    signal.throwIfAborted();
    this.#watching = watchContainers({
      project: this.#project,
      replicas: this.#replicas,
      clock: this.#clock,
      signal,
      onChange: (change) => this.#follow(change),
    });
    const redis = store === "redis" ? { redis: 1 } : {};
    const counts = { gateway: replicas, users: 1, orders: 1, payments: 1, ...scale };
    await this.#project.start({ ...redis, ...counts });
    await this.#replicas.untilServing(signal);
    const current = await this.#replicas.current();
    await this.#replicas.publish(current);
    signal.throwIfAborted();
    this.#front = await FrontContainer.create({
      project: this.#project.name,
      label: labelsOf(this.#project.name).stack,
      folder: `${composeFolder(this.#dir.root)}/front`,
      port,
      config: frontSchema.parse({
        kind,
        policy,
        host: "0.0.0.0",
        port: FRONT_PORT,
        upstreams: this.#replicas.upstreamsOf(current),
        ...(activeCheckMs === undefined ? {} : { activeCheck: { intervalMs: activeCheckMs } }),
      }),
    });
    signal.throwIfAborted();
    this.#control = serveControl(
      {
        status: () => this.status(),
        scale: (target) => this.scale(target),
        setFront: (change) => this.setFront(change),
        logs: (options) => this.logs(options),
        kill: (id, signal) => this.kill(id, signal),
        down: async () => {
          await this.#stopAll();
          void this.down(); // the rest waits until this request has its answer
        },
      },
      this.#dir.socket,
    );
  }

  /** All containers that `status` shows, by instance id. */
  async #containers(): Promise<{ id: string; container: Container }[]> {
    const all = (await this.#project.containers())
      .map((container) => ({ id: instanceIdOf(container), container }));
    const front = await this.#requireFront().container();
    return front ? [...all, { id: "front", container: front }] : all;
  }

  /** Takes containers out of every list, waits until all know, then drains and removes them. */
  async #remove(containers: readonly Container[]): Promise<void> {
    this.#replicas.leave(containers);
    await this.#announce();
    const ids = containers.map(({ Id }) => Id);
    await docker(["stop", "-t", STOP_AFTER_S, ...ids]);
    await docker(["rm", "-f", "-v", ...ids]);
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

  /** A container ended, or was started again, maybe with another address: all lists are made anew. */
  #follow(change: "ended" | "started"): void {
    if (!this.#front) return; // still starting: nobody has a list yet
    void this.#change(async () => {
      if (change === "started") await this.#replicas.untilServing(this.#closing.signal);
      await this.#announce();
    }).catch(() => {}); // going down, or it ended again, which is the next event
  }

  #requireFront(): FrontContainer {
    if (!this.#front) throw new TypeError("Cannot use the stack: it must have started");
    return this.#front;
  }

  #change(change: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(() => {
      if (this.#closing.signal.aborted) {
        throw new StackError("Cannot change the stack: it is going down");
      }
      return change();
    });
    this.#changes = done.catch(() => {}); // its caller is told; the next change must not be
    return done;
  }

  /** The front first, so that nothing new comes in; Redis last, so that all can finish what they have. */
  #stopAll(): Promise<void> {
    this.#closing.abort();
    this.#stopped ??= (async () => {
      await this.#changes;
      await this.#watching;
      await this.#front?.stop();
      const containers = await this.#project.containers();
      const stop = async (services: readonly string[]) => {
        const ids = containers.filter((one) => services.includes(placeOf(one).service))
          .map(({ Id }) => Id);
        if (ids.length > 0) await docker(["stop", "-t", STOP_AFTER_S, ...ids]);
      };
      await stop(["gateway"]);
      await stop(["users", "orders", "payments"]);
      await stop(["redis"]);
      await sweepContainers(this.#dir.root);
      removeVolatile(this.#dir);
    })();
    return this.#stopped;
  }
}
