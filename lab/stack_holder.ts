/**
 * The one stack that runs during a trial. Kept while trials want the same one, brought into the state of each cell,
 * warmed up so that no trial pays for compilation.
 *
 * @module
 */
import { startStack } from "../stack/open.ts";
import type { StackOptions } from "../stack/stack.ts";
import type { Experiment, LabStack } from "./experiment.ts";
import type { Levels } from "./results.ts";

/** Starts a stack in a state directory. */
export type OpenStack = (
  options: Partial<StackOptions>,
  rest: { stateDir: string; signal: AbortSignal },
) => Promise<LabStack>;

const WARM_UP_REQUESTS = 150;
const WARM_UP_PATH = "/api/users?limit=1";

/** Holds at most one stack. */
export class StackHolder implements AsyncDisposable {
  readonly #open: OpenStack;
  readonly #signal: AbortSignal;
  #held: { key: string; stack: LabStack; stateDir: string; warm: Set<string> } | undefined;

  constructor(signal: AbortSignal, open: OpenStack = startStack) {
    this.#open = open;
    this.#signal = signal;
  }

  /** The stack that a cell needs, in its state and warm; null when it needs none. */
  async prepare(experiment: Experiment, levels: Levels): Promise<LabStack | null> {
    const options = experiment.stack(levels);
    if (options === null) return null;
    const key = JSON.stringify(options);
    if (this.#held?.key !== key) {
      await this.release();
      const stateDir = await Deno.makeTempDir({ prefix: "bench-" });
      const signal = this.#signal;
      try {
        const stack = await this.#open({ port: 0, ...options }, { stateDir, signal });
        this.#held = { key, stack, stateDir, warm: new Set() };
      } catch (error) {
        await Deno.remove(stateDir, { recursive: true });
        throw error;
      }
    }
    const { stack, warm } = this.#held;
    await experiment.arrange?.(stack, levels);
    await warmUp(stack, warm, this.#signal);
    return stack;
  }

  /** Stops what runs. */
  async release(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    if (!held) return;
    await held.stack.down();
    await Deno.remove(held.stateDir, { recursive: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

/** Sends requests to every gateway replica that has had none, and through the front. */
async function warmUp(stack: LabStack, warm: Set<string>, signal: AbortSignal): Promise<void> {
  const { instances } = await stack.status();
  const cold = instances.filter(({ service, id, pid }) =>
    service === "gateway" && !warm.has(`${id} ${pid}`)
  );
  await Promise.all(cold.map(async ({ id, pid, address }) => {
    await requestMany(`${address}${WARM_UP_PATH}`, WARM_UP_REQUESTS, signal);
    warm.add(`${id} ${pid}`);
  }));
  if (cold.length > 0) await requestMany(`${stack.url}${WARM_UP_PATH}`, 50, signal);
}

/** One after the other; failures do not matter here. */
async function requestMany(url: string, count: number, signal: AbortSignal): Promise<void> {
  for (let i = 0; i < count && !signal.aborted; i++) {
    try {
      // deno-lint-ignore no-await-in-loop -- one client, no more load than that
      const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      // deno-lint-ignore no-await-in-loop -- as above
      await response.body?.cancel();
    } catch {
      // Whatever it is, the trial will show it.
    }
  }
}
