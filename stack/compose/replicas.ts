/**
 * The containers of a project as replicas: which of them serve, which are about to leave, how there
 * come to be more or fewer, and the list that the gateway follows.
 *
 * @module
 */
import { z } from "zod";
import type { Clock } from "../../kit/clock.ts";
import type { Front } from "../../lb/front.ts";
import { answersOk } from "../answers.ts";
import { SCALABLE, type ScalableService, SERVICES, StackError } from "../stack.ts";
import { type Container, docker, inspect, stopContainers } from "./docker.ts";
import { INSTANCE_PORT, instanceIdOf, placeOf, type Project } from "./project.ts";
import type { Known } from "./usage.ts";

/** A gateway reads the list again within 200 ms; after this it has surely done so. */
const SETTLE_MS = 700;
const READY_TIMEOUT_MS = 60_000;
const LOOK_EVERY_MS = 50;
/** For what comes back by itself: each look at a container costs a process. */
const REJOIN_LOOK_EVERY_MS = 250;
const REDIS_PORT = 6379;
const serviceSchema = z.enum(SERVICES);

/** Containers by service, lowest number first. */
export type ContainersByService = Record<ScalableService, Container[]>;

/**
 * Those of `containers` that are more than `target` asks for. One that ended counts too, because it will be
 * started again; it goes before those that serve, and among equals the highest number goes first.
 */
export function surplusOf(
  containers: readonly Container[],
  target: Partial<Record<ScalableService, number>>,
  { isServing }: { isServing: (id: string) => boolean },
): Container[] {
  const rank = (container: Container) => isServing(container.Id) ? 0 : 1;
  return SCALABLE.flatMap((name) =>
    containers.filter((one) => placeOf(one).service === name)
      .toSorted((a, b) => rank(a) - rank(b) || placeOf(a).number - placeOf(b).number)
      .slice(target[name] ?? Infinity)
  );
}

/** The replicas of one project. */
export class Replicas {
  readonly #project: Project;
  readonly #clock: Clock;
  readonly #serving = new Set<string>();
  readonly #leaving = new Set<string>();
  readonly #restarts = new Map<string, number>();

  constructor(project: Project, clock: Clock) {
    this.#project = project;
    this.#clock = clock;
  }

  /** A container as an instance; `restarts` counts how often it ended by itself or by force. */
  knownOf(container: Container): Known {
    return {
      id: instanceIdOf(container),
      service: serviceSchema.parse(placeOf(container).service),
      address: this.#addressOf(container),
      state: this.#stateOf(container),
      restarts: this.#restarts.get(container.Id) ?? 0,
    };
  }

  /** Whether it was taken out of the lists. */
  isLeaving(id: string): boolean {
    return this.#leaving.has(id);
  }

  /** Notes that a container ended; it is in no list until it answers again. */
  noteEnd(id: string): void {
    this.#serving.delete(id);
    this.#restarts.set(id, (this.#restarts.get(id) ?? 0) + 1);
  }

  /** What happened for a while is not known: all must answer again. */
  forget(): void {
    this.#serving.clear();
  }

  /**
   * Makes them as many as `target` says. New ones serve before anybody hears of them; old ones are stopped
   * when nobody sends to them any more.
   *
   * @param announce tells front and gateway which replicas there are; resolves when they know
   */
  async scale(
    target: Partial<Record<ScalableService, number>>,
    { announce, signal }: { announce: () => Promise<void>; signal: AbortSignal },
  ): Promise<void> {
    const before = await this.current();
    const growing = SCALABLE.filter((name) => (target[name] ?? 0) > before[name].length);
    if (growing.length > 0) {
      const known = new Set((await this.#project.containers()).map(({ Id }) => Id));
      await this.#project.start(Object.fromEntries(growing.map((n) => [n, target[n] ?? 1])));
      await this.untilServing(signal, { except: known });
      await announce();
    }
    const staying = (await this.#project.containers()).filter(({ Id }) => !this.#leaving.has(Id));
    const isServing = (id: string) => this.#serving.has(id);
    const surplus = surplusOf(staying, target, { isServing });
    if (surplus.length === 0) return;
    for (const { Id } of surplus) this.#leaving.add(Id);
    await announce();
    // The others have nothing to finish, and one that is starting does not hear that it is to end.
    await stopContainers(surplus.filter(({ Id }) => isServing(Id)));
    await docker(["rm", "-f", "-v", ...surplus.map(({ Id }) => Id)]);
  }

  /** Those that are to get requests. */
  async current(): Promise<ContainersByService> {
    const all = (await this.#project.containers())
      .filter(({ Id }) => this.#serving.has(Id) && !this.#leaving.has(Id));
    const of = (service: ScalableService) => all.filter((one) => placeOf(one).service === service);
    return Object.fromEntries(SCALABLE.map((name) => [name, of(name)])) as ContainersByService;
  }

  /** The gateway replicas as a front wants them. */
  upstreamsOf({ gateway }: ContainersByService): Front["upstreams"] {
    return gateway.map((container) => ({
      id: instanceIdOf(container),
      address: new URL(this.#addressOf(container)).host,
    }));
  }

  /** Writes the list that the gateway follows; resolves when every gateway knows of a change. */
  async publish({ gateway: _, ...services }: ContainersByService): Promise<void> {
    const lists = Object.entries(services).map(([name, containers]) =>
      [name, containers.map((container) => this.#addressOf(container))] as const
    );
    const text = JSON.stringify(Object.fromEntries(lists));
    if (this.#project.share("upstreams.json", text)) await this.#clock.sleep(SETTLE_MS);
  }

  /**
   * Waits until every container that is not leaving answers that it is ready.
   *
   * @param except those that were there before; what becomes of them is not this one's affair
   * @throws {StackError} when one does not in a minute
   */
  async untilServing(
    signal: AbortSignal,
    { except = new Set() }: { except?: ReadonlySet<string> } = {},
  ): Promise<void> {
    const deadline = this.#clock.now() + READY_TIMEOUT_MS;
    while (true) {
      signal.throwIfAborted();
      // deno-lint-ignore no-await-in-loop -- looking again is the point
      const late = (await this.look()).find(({ Id }) => !except.has(Id));
      if (!late) return;
      if (this.#clock.now() > deadline) {
        // deno-lint-ignore no-await-in-loop -- the last turn of the loop
        const said = await docker(["logs", "--tail=1", late.Id]);
        const id = instanceIdOf(late);
        throw new StackError(`Cannot start ${id}: it must become ready, received "${said}"`);
      }
      // deno-lint-ignore no-await-in-loop -- looking again is the point
      await this.#clock.sleep(LOOK_EVERY_MS);
    }
  }

  /** Looks once at all that neither serve nor leave; answers those that still do not serve. */
  async look(): Promise<Container[]> {
    const waiting = (await this.#project.containers()).filter((one) =>
      placeOf(one).service !== "redis" && !this.#serving.has(one.Id) && !this.#leaving.has(one.Id)
    );
    await Promise.all(waiting.map((container) => this.#look(container)));
    return waiting.filter(({ Id }) => !this.#serving.has(Id));
  }

  /**
   * Waits until a container that was started again serves, however long that takes, or will not: it ended again, leaves,
   * is gone, or is no replica (Redis, the front).
   */
  async untilBack(id: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // deno-lint-ignore no-await-in-loop -- looking again is the point
      const found = await inspect([id]).catch(() => undefined);
      if (found) { // else the engine does not answer just now
        const [container] = found;
        if (container?.State.Status !== "running" || this.#leaving.has(id)) return;
        if (!SCALABLE.some((name) => name === placeOf(container).service)) return;
        // deno-lint-ignore no-await-in-loop -- looking again is the point
        await this.#look(container);
        if (this.#serving.has(id)) return;
      }
      // deno-lint-ignore no-await-in-loop -- looking again is the point
      await this.#clock.sleep(REJOIN_LOOK_EVERY_MS);
    }
  }

  #stateOf(container: Container): Known["state"] {
    if (this.#leaving.has(container.Id)) return "draining";
    if (container.State.Status !== "running") return "backoff";
    const isReady = this.#serving.has(container.Id) || placeOf(container).service === "redis";
    return isReady ? "ready" : "starting";
  }

  /** Base URL (one form for all, also for redis); reachable from this machine and from those who share its network. */
  #addressOf(container: Container): string {
    const { service } = placeOf(container);
    const network = `${this.#project.name}_${service === "gateway" ? "front" : "inside"}`;
    const ip = container.NetworkSettings.Networks?.[network]?.IPAddress || "0.0.0.0";
    return `http://${ip}:${service === "redis" ? REDIS_PORT : INSTANCE_PORT}`;
  }

  async #look(container: Container): Promise<void> {
    if (container.State.Status !== "running") return;
    const url = `${this.#addressOf(container)}/readyz`;
    if (await answersOk(url, AbortSignal.timeout(1_000)).catch(() => false)) {
      this.#serving.add(container.Id);
    }
  }
}
