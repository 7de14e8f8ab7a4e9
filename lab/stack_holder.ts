/**
 * The stacks of an experiment. A few different ones are kept while its trials alternate between them (those that are not
 * measured have nothing to do); each is brought into the state of the cell and warmed up, so that no trial pays for
 * compilation.
 *
 * @module
 */
import { startStack } from "../stack/open.ts";
import { StackError, type StackOptions } from "../stack/stack.ts";
import type { Experiment, LabStack } from "./experiment.ts";
import type { Levels } from "./results.ts";

/** Starts a stack in a state directory. */
export type OpenStack = (
  options: Partial<StackOptions>,
  rest: { stateDir: string; signal: AbortSignal },
) => Promise<LabStack>;

const WARM_UP_REQUESTS = 150;
const WARM_UP_PATH = "/api/users?limit=1";

/** Different stacks that are kept at a time; beyond that the one that was not used for longest goes. */
export const MAX_STACKS = 3;

interface Held {
  stack: LabStack;
  stateDir: string;
  /** Gateway replicas that have had requests. */
  warm: Set<string>;
}

/** Holds the stacks of one experiment. */
export class StackHolder implements AsyncDisposable {
  readonly #open: OpenStack;
  readonly #signal: AbortSignal;
  /** By their options, the last used last. */
  readonly #held = new Map<string, Held>();

  constructor(signal: AbortSignal, open: OpenStack = startStack) {
    this.#open = open;
    this.#signal = signal;
  }

  /** The stack that a cell needs, in its state and warm; null when it needs none. */
  async prepare(experiment: Experiment, levels: Levels): Promise<LabStack | null> {
    const options = experiment.stack(levels);
    if (options === null) return null;
    const key = JSON.stringify(options);
    const held = this.#held.get(key) ?? await this.#start(key, options);
    this.#held.delete(key);
    this.#held.set(key, held);
    await experiment.arrange?.(held.stack, levels);
    await warmUp(held.stack, held.warm, this.#signal);
    return held.stack;
  }

  /** Starts one while the one that was not used for longest stops: draining is mostly waiting. */
  async #start(key: string, options: Partial<StackOptions>): Promise<Held> {
    const [[oldest, its] = []] = this.#held;
    const full = oldest !== undefined && its && this.#held.size >= MAX_STACKS;
    if (full) this.#held.delete(oldest);
    const [started, stopped] = await Promise.allSettled([
      this.#startTwice(options),
      full ? stop(its) : undefined,
    ]);
    if (started.status === "rejected") throw started.reason;
    this.#held.set(key, started.value);
    if (stopped.status === "rejected") throw stopped.reason;
    return started.value;
  }

  async #startTwice(options: Partial<StackOptions>): Promise<Held> {
    try {
      return await this.#startOnce(options);
    } catch (error) {
      if (this.#signal.aborted || !(error instanceof StackError)) throw error;
      // A port that was free a moment ago may be somebody else's now: once more.
      return await this.#startOnce(options);
    }
  }

  async #startOnce(options: Partial<StackOptions>): Promise<Held> {
    const stateDir = await Deno.makeTempDir({ prefix: "bench-" });
    try {
      const signal = this.#signal;
      const stack = await this.#open({ port: 0, ...options }, { stateDir, signal });
      return { stack, stateDir, warm: new Set() };
    } catch (error) {
      await Deno.remove(stateDir, { recursive: true });
      throw error;
    }
  }

  /** Stops all: what a failed trial left behind must not meet the next one. */
  async discard(): Promise<void> {
    const all = [...this.#held.values()];
    this.#held.clear();
    await Promise.all(all.map(stop));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.discard();
  }
}

async function stop({ stack, stateDir }: Held): Promise<void> {
  await stack.down();
  await Deno.remove(stateDir, { recursive: true });
}

/**
 * Sends requests to every gateway replica that has had none, and through the front.
 *
 * @throws when the system does not serve: nothing measured of it would mean anything
 */
async function warmUp(stack: LabStack, warm: Set<string>, signal: AbortSignal): Promise<void> {
  const { instances } = await stack.status();
  const cold = instances.filter(({ service, id, pid }) =>
    service === "gateway" && !warm.has(`${id} ${pid}`)
  );
  await Promise.all(cold.map(async ({ id, pid, address }) => {
    await requestMany(`${address}${WARM_UP_PATH}`, WARM_UP_REQUESTS, signal);
    warm.add(`${id} ${pid}`);
  }));
  if (cold.length === 0) return;
  const answers = await requestMany(`${stack.url}${WARM_UP_PATH}`, 50, signal);
  if (!signal.aborted && !answers.slice(-10).includes(200)) {
    const rule = `${WARM_UP_PATH} must be answered with 200 through the front`;
    throw new Error(`Cannot measure: ${rule}, received "${answers.at(-1)}"`);
  }
}

/** One after the other. @returns what came of each: a status, or 0 without an answer */
async function requestMany(url: string, count: number, signal: AbortSignal): Promise<number[]> {
  const answers: number[] = [];
  while (answers.length < count && !signal.aborted) {
    try {
      // deno-lint-ignore no-await-in-loop -- one client, no more load than that
      const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      // deno-lint-ignore no-await-in-loop -- as above
      await response.body?.cancel();
      answers.push(response.status);
    } catch {
      answers.push(0); // Refused, reset or late; the caller decides what it means.
    }
  }
  return answers;
}
