/**
 * What must hold for the containers of a project, whoever started them: our engine, or nothing but
 * `docker compose`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { z } from "zod";
import { docker } from "../stack/compose/docker.ts";
import { labelsOf } from "../stack/compose/sweep.ts";
import { PROJECT_ROOT } from "../stack/tools.ts";

/** Ports that something listens on somewhere: replicas, their health, Redis, fronts. */
const PORTS = [3000, 3001, 6379, 8080];
const MAX_ADDED_BYTES = 200e6;

const lookSchema = z.object({
  Name: z.string(),
  Config: z.object({ User: z.string() }),
  HostConfig: z.object({
    PortBindings: z.record(z.string(), z.unknown()).nullable(),
    ReadonlyRootfs: z.boolean(),
    CapAdd: z.array(z.string()).nullable(),
    CapDrop: z.array(z.string()).nullable(),
    SecurityOpt: z.array(z.string()).nullable(),
    Memory: z.int(),
    PidsLimit: z.int().nullable(),
  }),
  NetworkSettings: z.object({
    Networks: z.record(z.string(), z.object({ IPAddress: z.string() })),
  }),
});

/** Ids of what the project has; `kind` is a command of `docker` that lists. */
async function idsOf(project: string, ...list: string[]): Promise<string[]> {
  const texts = await Promise.all(
    Object.values(labelsOf(project)).map((label) => docker([...list, `--filter=label=${label}`])),
  );
  return texts.flatMap((text) => text.split("\n")).filter((id) => id !== "");
}

async function lookAtAll(project: string): Promise<z.infer<typeof lookSchema>[]> {
  const ids = await idsOf(project, "ps", "-q");
  return z.array(lookSchema).parse(JSON.parse(await docker(["inspect", ...ids])));
}

/** No container of the project may do more than it must, and only the one that `publisher` names has a port. */
export async function assertHardened(project: string, publisher: RegExp): Promise<void> {
  const containers = await lookAtAll(project);
  assert.ok(containers.length >= 8, `${containers.length} containers`);
  for (const { Name, HostConfig, Config } of containers) {
    const published = Object.keys(HostConfig.PortBindings ?? {});
    assert.deepEqual(published, publisher.test(Name) ? ["8080/tcp"] : [], Name);
    assert.ok(HostConfig.ReadonlyRootfs, `${Name} has a read-only root`);
    assert.deepEqual(HostConfig.CapDrop, ["ALL"], Name);
    for (const right of HostConfig.CapAdd ?? []) assert.match(right, /NET_BIND_SERVICE$/, Name);
    assert.match(Config.User, /^[1-9]/, `${Name} is not root`);
    assert.ok(HostConfig.SecurityOpt?.includes("no-new-privileges:true"), Name);
    assert.ok(HostConfig.Memory > 0, `${Name} has a memory limit`);
    assert.ok((HostConfig.PidsLimit ?? 0) > 0, `${Name} has a limit of processes`);
  }
}

/** From the network where the front is published, nothing but the front can be reached. */
export async function assertOnlyFrontInReach(project: string, network: string): Promise<void> {
  const containers = await lookAtAll(project);
  const addresses = containers.flatMap(({ NetworkSettings }) =>
    Object.values(NetworkSettings.Networks).map(({ IPAddress }) => IPAddress)
      .filter((address) => address !== "")
  );
  const front = containers.flatMap(({ NetworkSettings }) =>
    NetworkSettings.Networks[network]?.IPAddress ?? []
  );
  const targets = addresses.flatMap((hostname) => PORTS.map((port) => ({ hostname, port })));
  const script = `
    const connect = async (target) => {
      const signal = AbortSignal.timeout(1_500);
      const ended = new Promise((end) => signal.addEventListener("abort", end));
      const isOpen = await Promise.race([Deno.connect(target).then(() => true, () => false), ended]);
      return isOpen === true ? [target.hostname + ":" + target.port] : [];
    };
    const open = await Promise.all(${JSON.stringify(targets)}.map(connect));
    console.log(open.flat().join());
    Deno.exit();`;
  const flags = ["--rm", `--network=${network}`, "--entrypoint=/bin/deno"];
  const open = await docker(["run", ...flags, "scaling-lab:deno", "eval", script]);
  assert.deepEqual(open.split(","), front.map((address) => `${address}:8080`));
}

/** Nothing of the project is left: no container, network or volume. */
export async function assertNothingLeft(project: string): Promise<void> {
  const left = await Promise.all([
    idsOf(project, "ps", "-aq"),
    idsOf(project, "network", "ls", "-q"),
    idsOf(project, "volume", "ls", "-q"),
  ]);
  assert.deepEqual(left.flat(), []);
}

/** What we add to a public image stays small. */
export async function assertImageSmall(runtime: "deno" | "node"): Promise<void> {
  const text = await Deno.readTextFile(`${PROJECT_ROOT}Dockerfile`);
  const base = new RegExp(`^FROM (\\S+) AS ${runtime}$`, "m").exec(text)?.[1] ?? "";
  const inspect = ["image", "inspect", "--format={{.Size}}", base, `scaling-lab:${runtime}`];
  const [below = 0, all = 0] = (await docker(inspect)).split("\n").map(Number);
  // deno-lint-ignore no-console -- the figure is what the reader wants
  console.log(`${runtime} image: ${((all - below) / 1e6).toFixed(0)} MB above its base`);
  assert.ok(all > below && all - below < MAX_ADDED_BYTES, `${all - below} bytes`);
}
