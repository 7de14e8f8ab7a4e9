/**
 * `compose.yaml` as its users run it, with no task of ours: a project of its own on a free port, gone when
 * the test ends.
 *
 * @module
 */
import { findFreePorts } from "../stack/ports.ts";
import { composeCommand, type Container, containersWith, run } from "../stack/compose/docker.ts";
import { placeOf } from "../stack/compose/project.ts";
import { labelsOf } from "../stack/compose/sweep.ts";

/** A project that runs; to be used with `await using`. */
export interface ComposeProject extends AsyncDisposable {
  /** Its containers, networks and volumes carry this name. */
  readonly name: string;
  /** Where the front answers. */
  readonly url: string;
  /** `docker compose up -d --scale gateway=N`, with variables of the environment. */
  up(gateways: number, env?: Record<string, string>): Promise<void>;
  /** Any other command, such as `["build"]`. */
  command(args: readonly string[], env?: Record<string, string>): Promise<void>;
  /** Containers of one service. */
  containers(service: string): Promise<Container[]>;
  /** Ends and removes everything; also done at the end of the test. */
  down(): Promise<void>;
}

/** Names a project; starts nothing yet. */
export async function composeProject(): Promise<ComposeProject> {
  const name = `test-${crypto.randomUUID().slice(0, 8)}`;
  const [program, ...first] = await composeCommand();
  const [port = 0] = findFreePorts(1);
  const command = async (args: readonly string[], env: Record<string, string> = {}) => {
    await run(program, [...first, "-p", name, ...args], {
      env: { FRONT_PORT: `${port}`, ...env },
    });
  };
  const down = () => command(["down", "-v", "-t", "5"]);
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    command,
    up: (gateways, env) => command(["up", "-d", `--scale=gateway=${gateways}`], env),
    async containers(service) {
      const all = await containersWith(labelsOf(name).compose);
      return all.filter((container) => placeOf(container).service === service);
    },
    down,
    [Symbol.asyncDispose]: down,
  };
}
