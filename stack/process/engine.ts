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
  type Stack,
  StackError,
  type StackOptions,
  type StackStatus,
} from "../stack.ts";
import { serveControl } from "./control.ts";
import { FrontProcess } from "./front_process.ts";
import { Instance, type InstanceOptions } from "./instance.ts";
import { type LaunchContext, redisLaunch, runtimeCommand, untilAnswered } from "./launch.ts";
import { Ledger } from "./ledger.ts";
import { LogFiles } from "./log_files.ts";
import { findFreePorts, isPortFree } from "./ports.ts";
import { allSettled, Replicas } from "./replicas.ts";
import { type HeldStateDir, removeVolatile, type StateDir, takeStateDir } from "./state_dir.ts";
import { UsageMeter } from "./usage.ts";

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
  readonly #held: HeldStateDir;
  readonly #logs: LogFiles;
  readonly #ledger: Ledger;
  readonly #closing = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  readonly #usage = new UsageMeter();
  #replicas: Replicas | undefined;
  #redis: Instance | undefined;
  #front: FrontProcess | undefined;
  #control: AsyncDisposable | undefined;
  #stopped: Promise<void> | undefined;
  #down: Promise<void> | undefined;
  /** Changes happen one after the other. */
  #changes: Promise<unknown> = Promise.resolve();

  private constructor(options: StackOptions, held: HeldStateDir, clock: Clock) {
    this.#options = options;
    this.#held = held;
    this.#dir = held.dir;
    this.#clock = clock;
    this.#logs = new LogFiles(held.dir.logs, { clock });
    this.#ledger = new Ledger(held.dir.ledger);
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
    const held = await takeStateDir(rest.stateDir);
    const stack = new ProcessStack(options, held, clock);
    if (held.swept.length > 0) {
      stack.#logs.write("warn", "ended what a killed supervisor left", { instances: held.swept });
    }
    const stop = () => void stack.down();
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted) stop();
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
      const announce = () => this.#applyFront({});
      const replicas = this.#replicas;
      if (!replicas) return;
      await allSettled(
        SCALABLE.filter((service) => target[service] !== undefined)
          .map((service) => replicas.scale(service, target[service] ?? 1, announce)),
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
      this.#held.lock.close();
      this.#closed.resolve();
    });
    return this.#down;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.down();
  }

  async #startAll(): Promise<void> {
    const { store, front: kind, policy, scale, activeCheckMs } = this.#options;
    if (this.#options.port !== 0 && !isPortFree(this.#options.port)) {
      const rule = "the port must be free (choose another with --port)";
      throw new StackError(`Cannot start the stack: ${rule}, received "${this.#options.port}"`);
    }
    const [redisPort = 0, freePort = 0] = findFreePorts(2);
    const password = randomHex(32);
    const redisUrl = store === "redis" ? `redis://:${password}@127.0.0.1:${redisPort}` : undefined;
    Deno.writeTextFileSync(this.#dir.jwtSecret, randomHex(32), { mode: 0o600 });
    const runtime = runtimeCommand(this.#options, this.#dir);
    const launch: LaunchContext = {
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
    const replicas = this.#replicas = new Replicas({
      launch,
      createInstance: (spec) => this.#instance(spec),
      counts: { gateway: this.#options.replicas, users: 1, orders: 1, payments: 1, ...scale },
      clock: this.#clock,
    });
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
    await allSettled([
      // A front that meets a replica before it listens leaves it out for a while.
      replicas.start("gateway").then(() => front.start()),
      replicas.start("users"),
      replicas.start("orders"),
      replicas.start("payments"),
    ]);
    await untilAnswered(`${this.url}/api/metrics`, this.#clock);
    this.#closing.signal.throwIfAborted();
    this.#control = serveControl(this, this.#dir.socket, async () => {
      await this.#stopAll();
      void this.down(); // the rest waits until this request has its answer
    });
    void this.#logs.keepBounded(this.#closing.signal);
  }

  async #applyFront(change: FrontChange): Promise<void> {
    const front = this.#requireFront();
    await front.apply({ ...front.config, ...change, upstreams: this.#frontUpstreams() });
  }

  #frontUpstreams(): Front["upstreams"] {
    return (this.#replicas?.of("gateway") ?? []).map(({ spec }) => ({
      id: spec.id,
      address: new URL(spec.address).host,
    }));
  }

  #instanceOptions(): InstanceOptions {
    return { ledger: this.#ledger, logs: this.#logs, clock: this.#clock };
  }

  #instance(spec: Instance["spec"]): Instance {
    return new Instance(spec, this.#instanceOptions());
  }

  #instances(): Instance[] {
    return [...this.#replicas?.of() ?? [], this.#redis, this.#front?.instance]
      .filter((each) => each !== undefined);
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

  /** The front first, so that nothing new comes in; Redis last, so that all can finish what they have. */
  #stopAll(): Promise<void> {
    this.#closing.abort();
    this.#stopped ??= (async () => {
      await this.#changes;
      await this.#front?.stop();
      await this.#replicas?.stop();
      await this.#redis?.stop();
      await this.#ledger.close();
      removeVolatile(this.#dir);
    })();
    return this.#stopped;
  }
}

function randomHex(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
