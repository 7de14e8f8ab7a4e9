/**
 * The replicas of the gateway and of the services: which there are, how there come to be more or fewer,
 * and where the gateway reads which services there are.
 *
 * @module
 */
import { type Clock, systemClock } from "../../kit/clock.ts";
import { replaceFile } from "../replace_file.ts";
import { SCALABLE, type ScalableService } from "../stack.ts";
import type { Instance, LaunchSpec } from "./instance.ts";
import { instanceLaunch, type LaunchContext } from "./launch.ts";
import { findFreePorts } from "../ports.ts";

/** A gateway reads the upstreams file again within 200 ms; after this it has surely done so. */
const UPSTREAMS_SETTLE_MS = 700;

/** Options of {@linkcode Replicas}. */
export interface ReplicasOptions {
  launch: LaunchContext;
  createInstance: (spec: LaunchSpec) => Instance;
  /** How many there are at first. */
  counts: Record<ScalableService, number>;
  /** @default systemClock */
  clock?: Clock;
}

/** All replicas of one stack. */
export class Replicas {
  readonly #options: ReplicasOptions;
  readonly #clock: Clock;
  readonly #sets: Record<ScalableService, Instance[]>;
  /** In no set any more, but not yet gone. */
  readonly #leaving = new Set<Instance>();

  constructor(options: ReplicasOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#sets = { gateway: [], users: [], orders: [], payments: [] };
    for (const service of SCALABLE) {
      this.#sets[service] = this.#create(service, options.counts[service]);
    }
    this.#writeUpstreams();
  }

  /** Those of one service; or all there are, in the order of {@linkcode SCALABLE}, leaving ones last. */
  of(service?: ScalableService): readonly Instance[] {
    if (service) return this.#sets[service];
    return [...SCALABLE.flatMap((each) => this.#sets[each]), ...this.#leaving];
  }

  /** Starts all of a service for the first time. */
  async start(service: ScalableService): Promise<void> {
    await allSettled(this.#sets[service].map((instance) => instance.start()));
  }

  /**
   * Makes them as many as `count`. New ones serve before anybody hears of them; old ones are stopped when
   * nobody sends to them any more. When that fails they are as many as before.
   *
   * @param announce tells the front which gateways there are; resolves when it follows
   */
  async scale(
    service: ScalableService,
    count: number,
    announce: () => Promise<void>,
  ): Promise<void> {
    const current = this.#sets[service];
    const added = this.#create(service, count - current.length);
    try {
      await allSettled(added.map((instance) => instance.start()));
    } catch (error) {
      await Promise.all(added.map((instance) => instance.stop()));
      throw error;
    }
    const removed = current.slice(count);
    this.#sets[service] = [...current.slice(0, count), ...added];
    try {
      if (service === "gateway") await announce();
      else this.#writeUpstreams();
    } catch (error) {
      this.#sets[service] = current;
      await Promise.all(added.map((instance) => instance.stop()));
      throw error;
    }
    for (const instance of removed) {
      instance.markDraining();
      this.#leaving.add(instance);
    }
    if (service !== "gateway") await this.#clock.sleep(UPSTREAMS_SETTLE_MS);
    await Promise.all(removed.map((instance) => instance.stop()));
    for (const instance of removed) this.#leaving.delete(instance);
  }

  /** Gateways first: they finish what they have with the services still there. */
  async stop(): Promise<void> {
    await Promise.all(this.#sets.gateway.map((instance) => instance.stop()));
    await Promise.all(this.of().map((instance) => instance.stop()));
  }

  /** New replicas that take the lowest free numbers; none for a count of 0 or less. */
  #create(service: ScalableService, count: number): Instance[] {
    if (count <= 0) return [];
    const taken = new Set(this.#sets[service].map(({ spec }) => spec.id));
    const ports = findFreePorts(2 * count);
    const created: Instance[] = [];
    for (let n = 1; created.length < count; n++) {
      const id = `${service}-${n}`;
      if (taken.has(id)) continue;
      const [port = 0, healthPort = 0] = ports.splice(0, 2);
      const spec = instanceLaunch(this.#options.launch, { service, id, port, healthPort });
      created.push(this.#options.createInstance(spec));
    }
    return created;
  }

  #writeUpstreams(): void {
    const { gateway: _, ...services } = this.#sets;
    const addresses = Object.entries(services).map(([name, instances]) =>
      [name, instances.map(({ spec }) => spec.address)] as const
    );
    replaceFile(this.#options.launch.dir.upstreams, JSON.stringify(Object.fromEntries(addresses)));
  }
}

/** Waits for all, also when one fails: the others must have come to rest before anything is undone. */
export async function allSettled(promises: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}
