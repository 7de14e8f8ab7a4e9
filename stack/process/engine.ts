/**
 * The process engine: the whole system as supervised processes of this machine.
 *
 * @module
 */
import { type Clock, systemClock } from "../../kit/clock.ts";
import { type Front, frontSchema } from "../../lb/front.ts";
import {
  type FrontChange,
  type LogOptions,
  SCALABLE,
  type ScalableService,
  type ServiceName,
  type Stack,
  StackError,
  type StackOptions,
  type StackStatus,
} from "../stack.ts";
import { serveControl } from "./control.ts";
import { FrontProcess } from "./front_process.ts";
import { Instance, type InstanceOptions } from "./instance.ts";
import {
  answersOk,
  instanceLaunch,
  type LaunchContext,
  redisLaunch,
  runtimeCommand,
} from "./launch.ts";
import { Ledger, sweepLedger } from "./ledger.ts";
import { LogFiles } from "./log_files.ts";
import { findFreePorts, isPortFree } from "./ports.ts";
import {
  createFolders,
  holdStateDir,
  removeVolatile,
  type StateDir,
  stateDir,
} from "./state_dir.ts";
import { UsageMeter } from "./usage.ts";

/** A gateway reads the upstreams file again within 500 ms; after this it has surely done so. */
const UPSTREAMS_SETTLE_MS = 700;
const ROTATE_EVERY_MS = 2_000;
const MAX_REPLICAS = 64;

/** Options of {@linkcode ProcessStack.start} that are not the user's. */
export interface ProcessStackOptions {
  /** Absolute path of the state directory. */
  stateDir: string;
  /** @default systemClock */
  clock?: Clock;
  /** Brings the stack down when it aborts, also while it starts. */
  signal?: AbortSignal;
}

/** A system of supervised processes. */
export class ProcessStack implements Stack, AsyncDisposable {
  readonly #options: StackOptions;
  readonly #dir: StateDir;
  readonly #clock: Clock;
  readonly #lock: Deno.FsFile;
  readonly #logs: LogFiles;
  readonly #ledger: Ledger;
  readonly #closing = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  readonly #usage = new UsageMeter();
  readonly #replicas: Record<ScalableService, Instance[]> = {
    gateway: [],
    users: [],
    orders: [],
    payments: [],
  };
  #launch: LaunchContext | undefined;
  #redis: Instance | undefined;
  #front: FrontProcess | undefined;
  #control: AsyncDisposable | undefined;
  #stopped: Promise<void> | undefined;
  #down: Promise<void> | undefined;
  /** Changes happen one after the other. */
  #changes: Promise<unknown> = Promise.resolve();

  private constructor(options: StackOptions, dir: StateDir, lock: Deno.FsFile, clock: Clock) {
    this.#options = options;
    this.#dir = dir;
    this.#lock = lock;
    this.#clock = clock;
    this.#logs = new LogFiles(dir.logs, { clock });
    this.#ledger = new Ledger(dir.ledger);
  }

  /**
   * Starts everything; resolves when a request through the front is answered.
   *
   * @throws {StackError} with one line when a tool, a port or the state directory cannot be had, or an
   * instance does not start; nothing is left running then
   */
  static async start(options: StackOptions, rest: ProcessStackOptions): Promise<ProcessStack> {
    const { clock = systemClock, signal } = rest;
    if (options.cpus !== undefined) {
      const rule = "CPU limits need the compose engine";
      throw new StackError(`Cannot start the stack: ${rule}, received "--cpus ${options.cpus}"`);
    }
    const dir = stateDir(rest.stateDir);
    createFolders(dir);
    const lock = await holdStateDir(dir);
    if (!lock) {
      throw new StackError(`Cannot start the stack: one must not run yet, received "${dir.root}"`);
    }
    const swept = await sweepLedger(dir.ledger);
    removeVolatile(dir);
    Deno.removeSync(dir.logs, { recursive: true }); // of the last run
    createFolders(dir);
    const stack = new ProcessStack(options, dir, lock, clock);
    signal?.addEventListener("abort", () => void stack.down(), { once: true });
    try {
      if (swept.length > 0) {
        stack.#logs.write("warn", "ended what a killed supervisor left", { instances: swept });
      }
      await stack.#startAll();
      return stack;
    } catch (error) {
      const interrupted = stack.#closing.signal.aborted;
      await stack.down();
      if (interrupted) throw new StackError("Cannot start the stack: it was told to stop");
      throw error;
    }
  }

  /** Resolves when the stack is down, whoever asked for it. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Where the front answers. */
  get url(): string {
    return this.#requireFront().instance.spec.address;
  }

  async status(): Promise<StackStatus> {
    const { kind, policy } = this.#requireFront().config;
    const instances = await Promise.all(this.#instances().map((each) => this.#usage.look(each)));
    return { engine: "process", front: kind, policy, url: this.url, instances };
  }

  scale(target: Partial<Record<ScalableService, number>>): Promise<void> {
    return this.#change(async () => {
      for (const [service, count] of Object.entries(target)) {
        if (!Number.isInteger(count) || count < 1 || count > MAX_REPLICAS) {
          const rule = `replicas must be a whole number from 1 to ${MAX_REPLICAS}`;
          throw new StackError(`Cannot scale ${service}: ${rule}, received "${count}"`);
        }
      }
      await Promise.all(
        SCALABLE.filter((service) => target[service] !== undefined)
          .map((service) => this.#scaleOne(service, target[service] ?? 1)),
      );
    });
  }

  setFront(change: FrontChange): Promise<void> {
    return this.#change(() => this.#applyFront(change));
  }

  logs(options: LogOptions = {}): AsyncIterable<string> {
    const { instance, signal } = options;
    const ids = this.#logs.ids();
    if (instance !== undefined && !ids.includes(instance)) {
      const rule = `the instance must be one of ${ids.join(", ")}`;
      throw new StackError(`Cannot show logs: ${rule}, received "${instance}"`);
    }
    const closing = this.#closing.signal;
    return this.#logs.read({
      ...options,
      signal: signal ? AbortSignal.any([signal, closing]) : closing,
    });
  }

  // deno-lint-ignore require-await -- throws as a rejection
  async kill(id: string, signal: Parameters<Stack["kill"]>[1]): Promise<void> {
    const instances = this.#instances();
    const target = instances.find(({ spec }) => spec.id === id);
    if (!target) {
      const rule = `the instance must be one of ${instances.map(({ spec }) => spec.id).join(", ")}`;
      throw new StackError(`Cannot signal: ${rule}, received "${id}"`);
    }
    if (!target.signal(signal)) {
      throw new StackError(`Cannot signal ${id}: it must have a process, received "${signal}"`);
    }
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
    const { store, front: kind, policy, replicas, scale, activeCheckMs } = this.#options;
    if (this.#options.port !== 0 && !isPortFree(this.#options.port)) {
      const rule = "the port must be free (choose another with --port)";
      throw new StackError(`Cannot start the stack: ${rule}, received "${this.#options.port}"`);
    }
    const [redisPort = 0, freePort = 0] = findFreePorts(2);
    const password = randomHex(32);
    const redisUrl = store === "redis" ? `redis://:${password}@127.0.0.1:${redisPort}` : undefined;
    Deno.writeTextFileSync(this.#dir.jwtSecret, randomHex(32), { mode: 0o600 });
    const runtime = runtimeCommand(this.#options, this.#dir);
    this.#launch = {
      runId: randomHex(8),
      options: this.#options,
      dir: this.#dir,
      runtime,
      redisUrl,
    };
    if (redisUrl !== undefined) {
      this.#redis = this.#instance(redisLaunch(this.#dir, redisPort, password));
      await this.#redis.start();
      this.#closing.signal.throwIfAborted(); // told to stop meanwhile: start nothing more
    }
    const counts = { gateway: replicas, users: 1, orders: 1, payments: 1, ...scale };
    for (const service of SCALABLE) {
      this.#replicas[service] = this.#newReplicas(service, counts[service]);
    }
    this.#writeUpstreams();
    this.#front = new FrontProcess({
      dir: this.#dir,
      config: frontSchema.parse({
        kind,
        policy,
        port: this.#options.port || freePort,
        upstreams: this.#frontUpstreams(),
        ...(activeCheckMs === undefined ? {} : { activeCheck: { intervalMs: activeCheckMs } }),
      }),
      instanceOptions: this.#instanceOptions(),
    });
    const front = this.#front;
    const started = (service: ScalableService) =>
      all(this.#replicas[service].map((instance) => instance.start()));
    await all([
      // A front that meets a replica before it listens leaves it out for a while.
      started("gateway").then(() => front.start()),
      started("users"),
      started("orders"),
      started("payments"),
    ]);
    await this.#untilServed();
    this.#closing.signal.throwIfAborted();
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
    this.#rotateLogs();
  }

  async #scaleOne(service: ScalableService, count: number): Promise<void> {
    const current = this.#replicas[service];
    const added = this.#newReplicas(service, count - current.length);
    try {
      await all(added.map((instance) => instance.start()));
    } catch (error) {
      await Promise.all(added.map((instance) => instance.stop()));
      throw error;
    }
    const removed = current.slice(count);
    this.#replicas[service] = [...current.slice(0, count), ...added];
    await this.#announce(service);
    await Promise.all(removed.map((instance) => instance.stop()));
  }

  /** Tells those who send requests to a service which replicas there are, and waits until they know. */
  async #announce(service: ScalableService): Promise<void> {
    if (service === "gateway") return await this.#applyFront({});
    this.#writeUpstreams();
    await this.#clock.sleep(UPSTREAMS_SETTLE_MS);
  }

  async #applyFront(change: FrontChange): Promise<void> {
    const front = this.#requireFront();
    await front.apply({ ...front.config, ...change, upstreams: this.#frontUpstreams() });
  }

  #frontUpstreams(): Front["upstreams"] {
    return this.#replicas.gateway.map(({ spec }) => ({
      id: spec.id,
      address: new URL(spec.address).host,
    }));
  }

  #writeUpstreams(): void {
    const { gateway: _, ...services } = this.#replicas;
    const addresses = Object.entries(services).map(([name, instances]) =>
      [name, instances.map(({ spec }) => spec.address)] as const
    );
    const path = this.#dir.upstreams;
    Deno.writeTextFileSync(`${path}.new`, JSON.stringify(Object.fromEntries(addresses)));
    Deno.renameSync(`${path}.new`, path);
  }

  /** New replicas that take the lowest free numbers; none for a count of 0 or less. */
  #newReplicas(service: ScalableService, count: number): Instance[] {
    const launch = this.#launch;
    if (!launch || count <= 0) return [];
    const taken = new Set(this.#replicas[service].map(({ spec }) => spec.id));
    const ports = findFreePorts(2 * count);
    const created: Instance[] = [];
    for (let n = 1; created.length < count; n++) {
      const id = `${service}-${n}`;
      if (taken.has(id)) continue;
      const [port = 0, healthPort = 0] = ports.splice(0, 2);
      created.push(this.#instance(instanceLaunch(launch, { service, id, port, healthPort })));
    }
    return created;
  }

  #instanceOptions(): InstanceOptions {
    return { ledger: this.#ledger, logs: this.#logs, clock: this.#clock };
  }

  #instance(spec: Instance["spec"]): Instance {
    return new Instance(spec, this.#instanceOptions());
  }

  /** Replicas of every service, in the order of {@linkcode SCALABLE}. */
  #all(): Instance[] {
    return SCALABLE.flatMap((service: ServiceName & ScalableService) => this.#replicas[service]);
  }

  #instances(): Instance[] {
    return [...this.#all(), this.#redis, this.#front?.instance].filter((each) =>
      each !== undefined
    );
  }

  #requireFront(): FrontProcess {
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

  async #untilServed(): Promise<void> {
    const url = `${this.url}/api/metrics`;
    const limit = AbortSignal.timeout(10_000);
    // deno-lint-ignore no-await-in-loop -- looking again is the point
    while (!await answersOk(url, limit).catch(() => false)) {
      if (limit.aborted) {
        throw new StackError(
          `Cannot start the stack: it must answer, received nothing at "${url}"`,
        );
      }
      // deno-lint-ignore no-await-in-loop -- looking again is the point
      await this.#clock.sleep(20);
    }
  }

  async #rotateLogs(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      // deno-lint-ignore no-await-in-loop -- a periodic task
      await this.#clock.sleep(ROTATE_EVERY_MS, signal).catch(() => {}); // going down
      if (!signal.aborted) this.#logs.rotate();
    }
  }

  /** The front first, so that nothing new comes in; Redis last, so that all can finish what they have. */
  #stopAll(): Promise<void> {
    this.#closing.abort();
    this.#stopped ??= (async () => {
      await this.#changes;
      await this.#front?.stop();
      await Promise.all(this.#replicas.gateway.map((instance) => instance.stop()));
      await Promise.all(this.#all().map((instance) => instance.stop()));
      await this.#redis?.stop();
      this.#ledger.close();
      removeVolatile(this.#dir);
    })();
    return this.#stopped;
  }
}

/** Waits for all, also when one fails: the others must have come to rest before anything is undone. */
async function all(promises: Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}

function randomHex(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
