/**
 * The process engine: the whole system as supervised processes of this machine.
 *
 * @module
 */
import { type Clock, systemClock } from "../../kit/clock.ts";
import type { Front } from "../../lb/front.ts";
import { desiredFront, desiredReplicas } from "../desired.ts";
import {
  type FrontChange,
  type LogOptions,
  requireInstance,
  SCALABLE,
  type ScalableService,
  type Stack,
  StackError,
  type StackOptions,
  type StackStatus,
} from "../stack.ts";
import {
  createFolders,
  removeVolatile,
  type StateDir,
  takeStateDir,
} from "../supervisor/state_dir.ts";
import {
  type Engine,
  type StartOptions,
  type Supervision,
  Supervisor,
} from "../supervisor/supervisor.ts";
import { FrontProcess } from "./front_process.ts";
import { Instance, type InstanceOptions } from "./instance.ts";
import { redisLaunch, runtimeCommand, untilAnswered } from "./launch.ts";
import { Ledger, sweepLedger } from "./ledger.ts";
import { LogFiles } from "../log_files.ts";
import { findFreePorts, requireFreePort } from "../ports.ts";
import { allSettled, Replicas } from "./replicas.ts";
import { UsageMeter } from "./usage.ts";

/**
 * Starts the system as processes; resolves when a request through the front is answered.
 *
 * @throws {StackError} with one line when a tool, a port or the state directory cannot be had, or an
 * instance does not start; nothing is left running then
 */
export async function startProcesses(
  options: StackOptions,
  { stateDir, clock = systemClock, signal }: StartOptions,
): Promise<Supervisor> {
  if (options.cpus !== undefined) {
    const rule = "CPU limits need the compose engine";
    throw new StackError(`Cannot start the stack: ${rule}, received "--cpus ${options.cpus}"`);
  }
  const held = await takeStateDir(stateDir);
  const { dir } = held;
  const swept = await sweepLedger(dir.ledger);
  removeVolatile(dir);
  Deno.removeSync(dir.logs, { recursive: true });
  createFolders(dir);
  const logs = new LogFiles(dir.logs, { clock });
  if (swept.length > 0) {
    logs.write("warn", "ended what a killed supervisor left", { instances: swept });
  }
  return await Supervisor.start(
    (supervision) => new ProcessEngine({ options, dir, logs, clock, supervision }),
    { held, signal },
  );
}

interface ProcessEngineOptions {
  options: StackOptions;
  dir: StateDir;
  logs: LogFiles;
  clock: Clock;
  supervision: Supervision;
}

class ProcessEngine implements Engine {
  readonly #options: StackOptions;
  readonly #dir: StateDir;
  readonly #clock: Clock;
  readonly #closing: AbortSignal;
  readonly #logs: LogFiles;
  readonly #ledger: Ledger;
  readonly #instanceOptions: InstanceOptions;
  readonly #usage = new UsageMeter();
  #replicas: Replicas | undefined;
  #redis: Instance | undefined;
  #front: FrontProcess | undefined;

  constructor({ options, dir, logs, clock, supervision }: ProcessEngineOptions) {
    this.#options = options;
    this.#dir = dir;
    this.#clock = clock;
    this.#closing = supervision.closing;
    this.#logs = logs;
    this.#ledger = new Ledger(dir.ledger);
    this.#instanceOptions = { ledger: this.#ledger, logs, clock };
  }

  get url(): string {
    return this.#requireFront().instance.spec.address;
  }

  async start(): Promise<void> {
    const { port, store } = this.#options;
    requireFreePort(port);
    const [redisPort = 0, freePort = 0] = findFreePorts(2);
    Deno.writeTextFileSync(this.#dir.jwtSecret, randomHex(32), { mode: 0o600 });
    const runtime = runtimeCommand(this.#options, this.#dir);
    const redisUrl = store === "redis" ? await this.#startRedis(redisPort) : undefined;
    const replicas = this.#replicas = new Replicas({
      launch: { runId: randomHex(8), options: this.#options, dir: this.#dir, runtime, redisUrl },
      createInstance: (spec) => new Instance(spec, this.#instanceOptions),
      counts: desiredReplicas(this.#options),
      clock: this.#clock,
    });
    const front = this.#front = new FrontProcess({
      dir: this.#dir,
      config: desiredFront(this.#options, { port: port || freePort, upstreams: this.#upstreams() }),
      instanceOptions: this.#instanceOptions,
    });
    await allSettled([
      // A front that meets a replica before it listens leaves it out for a while.
      replicas.start("gateway").then(() => front.start()),
      replicas.start("users"),
      replicas.start("orders"),
      replicas.start("payments"),
    ]);
    await untilAnswered(`${this.url}/api/metrics`, this.#clock);
    void this.#logs.keepBounded(this.#closing);
  }

  async status(): Promise<StackStatus> {
    const { kind, policy } = this.#requireFront().config;
    const instances = await Promise.all(this.#instances().map((each) => this.#usage.look(each)));
    return { engine: "process", front: kind, policy, url: this.url, instances };
  }

  async scale(target: Partial<Record<ScalableService, number>>): Promise<void> {
    const replicas = this.#replicas;
    if (!replicas) return;
    await allSettled(
      SCALABLE.filter((service) => target[service] !== undefined)
        .map((service) => replicas.scale(service, target[service] ?? 1, () => this.setFront({}))),
    );
  }

  async setFront(change: FrontChange): Promise<void> {
    const front = this.#requireFront();
    await front.apply({ ...front.config, ...change, upstreams: this.#upstreams() });
  }

  logs(options: LogOptions): AsyncIterable<string> {
    const { instance } = options;
    if (instance !== undefined) {
      requireInstance(instance, { action: "show logs", known: this.#logs.ids() });
    }
    return this.#logs.read(options);
  }

  // deno-lint-ignore require-await -- throws as a rejection
  async kill(id: string, signal: Parameters<Stack["kill"]>[1]): Promise<void> {
    const instances = this.#instances();
    requireInstance(id, { action: "signal", known: instances.map(({ spec }) => spec.id) });
    if (!instances.find(({ spec }) => spec.id === id)?.signal(signal)) {
      throw new StackError(`Cannot signal ${id}: it must have a process, received "${signal}"`);
    }
  }

  async stop(): Promise<void> {
    await this.#front?.stop();
    await this.#replicas?.stop();
    await this.#redis?.stop();
    await this.#ledger.close();
  }

  async #startRedis(port: number): Promise<string> {
    const password = randomHex(32);
    this.#redis = new Instance(redisLaunch(this.#dir, port, password), this.#instanceOptions);
    await this.#redis.start();
    this.#closing.throwIfAborted(); // told to stop meanwhile: start nothing more
    return `redis://:${password}@127.0.0.1:${port}`;
  }

  #upstreams(): Front["upstreams"] {
    return (this.#replicas?.of("gateway") ?? []).map(({ spec }) => ({
      id: spec.id,
      address: new URL(spec.address).host,
    }));
  }

  #instances(): Instance[] {
    return [...this.#replicas?.of() ?? [], this.#redis, this.#front?.instance]
      .filter((each) => each !== undefined);
  }

  #requireFront(): FrontProcess {
    if (!this.#front) throw new TypeError("Cannot use the stack: it must have started");
    return this.#front;
  }
}

function randomHex(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
