/**
 * A whole system for a test: on free ports, in a state directory of its own, gone when the test ends,
 * however it ends.
 *
 * @module
 */
import { startStack } from "../stack/open.ts";
import type { StackOptions } from "../stack/stack.ts";
import type { Supervisor } from "../stack/supervisor/supervisor.ts";
import { until } from "./until.ts";

/** A {@linkcode startTestStack} result. */
export type TestStack = Supervisor & {
  /** Absolute path of its state directory. */
  readonly stateDir: string;
};

/** The address of an instance. @throws {TypeError} when there is none with this id */
export async function addressOf(stack: TestStack, id: string): Promise<string> {
  const { instances } = await stack.status();
  const address = instances.find((instance) => instance.id === id)?.address;
  if (address === undefined) throw new TypeError(`Cannot find an instance: received "${id}"`);
  return address;
}

/** Kills an instance of a service and waits until its next life serves. */
export async function killAndWait(stack: TestStack, id: string): Promise<void> {
  const find = async () => (await stack.status()).instances.find((each) => each.id === id);
  const before = (await find())?.restarts ?? 0;
  await stack.kill(id, "SIGKILL");
  await until(`${id} to be back`, async () => {
    const now = await find();
    return now?.state === "ready" && now.restarts > before;
  }, 30_000);
}

/** Options of {@linkcode startTestStack}: those of `up`, and where its state is. */
export interface TestStackOptions extends Partial<StackOptions> {
  /** Kept when it is given, a temporary one of its own otherwise. */
  stateDir?: string;
}

/**
 * Starts a system; to be used with `await using`.
 *
 * @example
 * ```ts ignore
 * await using stack = await startTestStack({ replicas: 3, front: "caddy" });
 * const response = await fetch(`${stack.url}/api/users`);
 * ```
 */
export async function startTestStack(options: TestStackOptions = {}): Promise<TestStack> {
  const { stateDir: given, ...rest } = options;
  const stateDir = given ?? await Deno.makeTempDir({ prefix: "stack-" });
  const killed = new AbortController();
  const stop = () => killed.abort();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, stop);
  const removeState = async () => {
    for (const signal of signals) Deno.removeSignalListener(signal, stop);
    if (given === undefined) await Deno.remove(stateDir, { recursive: true });
  };
  try {
    const stack = await startStack({ port: 0, ...rest }, { stateDir, signal: killed.signal });
    // A run that is told to end must leave no processes: then nobody disposes of anything.
    killed.signal.addEventListener("abort", () => stack.closed.then(() => Deno.exit(143)));
    return Object.assign(stack, {
      stateDir,
      async [Symbol.asyncDispose]() {
        await stack.down();
        await removeState();
      },
    });
  } catch (error) {
    await removeState();
    throw error;
  }
}
