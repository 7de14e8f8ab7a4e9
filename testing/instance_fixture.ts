/**
 * The black-box tests of an instance: one fixture, the same assertions on both runtimes.
 *
 * @module
 */
import {
  type InstanceProcess,
  type InstanceProcessOptions,
  startInstanceProcess,
} from "./instance_process.ts";
import { requires } from "./requires.ts";

/** `deno` or `node`. */
export type Runtime = InstanceProcessOptions["runtime"];

/** Declares each case twice, once a runtime. */
export function onBothRuntimes(cases: Record<string, (runtime: Runtime) => Promise<void>>): void {
  for (const [name, fn] of Object.entries(cases)) {
    Deno.test({ name: `${name} (Deno)`, ...requires(), fn: () => fn("deno") });
    Deno.test({ name: `${name} (Node)`, ...requires("node"), fn: () => fn("node") });
  }
}

/** Runs the fixture as `fixture-1`; `env` is all else that it sees. */
export function startFixture(runtime: Runtime, env: Record<string, string> = {}): InstanceProcess {
  return startInstanceProcess({
    runtime,
    main: "kit/runtime/fixture/main.ts",
    env: { INSTANCE_ID: "fixture-1", ...env },
  });
}

/** One request on a connection of its own. */
export async function get(
  url: string,
): Promise<{ status: number; headers: Headers; body: string }> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const response = await fetch(url, { client });
  return { status: response.status, headers: response.headers, body: await response.text() };
}
