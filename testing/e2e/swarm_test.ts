/**
 * `deploy/swarm/stack.yaml` on a Swarm of one node: it serves, updates without a failed request, and
 * rolls back by itself. Makes a Swarm of an engine only under `REQUIRE_ALL=1`; elsewhere it wants one.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startProbe } from "../../lab/load/prober.ts";
import { isGood } from "../../lab/load/sample.ts";
import { docker, run } from "../../stack/compose/docker.ts";
import { findFreePorts } from "../../stack/ports.ts";
import { PROJECT_ROOT } from "../../stack/tools.ts";
import { REASON_PREFIX } from "../../scripts/ignored_tests.ts";
import { requires } from "../requires.ts";
import { until } from "../until.ts";

const RATE_PER_SECOND = 200;
const MINUTE_MS = 60_000;

async function swarmState(): Promise<string> {
  return await docker(["info", "--format={{.Swarm.LocalNodeState}}"]);
}

async function requiresSwarm(): Promise<{ ignore: boolean }> {
  const { ignore } = requires("docker");
  if (ignore || Deno.env.get("REQUIRE_ALL") === "1" || await swarmState() === "active") {
    return { ignore };
  }
  // deno-lint-ignore no-console -- the runner shows what a test file prints while it loads
  console.log(`${REASON_PREFIX}the Docker engine is not a Swarm: docker swarm init`);
  return { ignore: true };
}

/** The stack under a name of its own; everything that was made is gone at the end. */
class SwarmStack implements AsyncDisposable {
  readonly name = `test-${crypto.randomUUID().slice(0, 8)}`;
  readonly #port = findFreePorts(1)[0] ?? 0;
  #made = false;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async deploy(): Promise<void> {
    if (await swarmState() !== "active") {
      await docker(["swarm", "init", "--advertise-addr", "127.0.0.1"]);
      this.#made = true;
    }
    const node = await docker(["node", "ls", "-q"]);
    await docker(["node", "update", "--label-add=front=true", "--label-add=redis=true", node]);
    await run("sh", [
      "-c",
      `printf %s "$1" | docker secret create "$2" -`,
      "sh",
      crypto.randomUUID() + crypto.randomUUID(),
      this.name,
    ]);
    await docker(["build", "-q", "-t", "scaling-lab:deno", "--target", "deno", "."]);
    const file = `${PROJECT_ROOT}deploy/swarm/stack.yaml`;
    await docker(["stack", "deploy", "-c", file, "--resolve-image=never", this.name], {
      env: {
        FRONT_PORT: `${this.#port}`,
        JWT_SECRET: this.name,
        STACK: this.name,
        DEMO_PASSWORD: "demo",
        // Starting containers starves a small machine, and a starved gateway sheds, as it should: what
        // is asked here is whether an update loses a request.
        SHEDDING: "off",
      },
    });
    await until("three gateways", async () => {
      const line = await docker(["service", "ls", `--filter=name=${this.name}_gateway`]);
      return line.includes(" 3/3 ");
    }, 2 * MINUTE_MS).catch(async (error) => {
      const why = ["service", "ps", "--no-trunc", "--format={{.Error}}", `${this.name}_gateway`];
      // deno-lint-ignore no-console -- why they do not come is nowhere else
      console.log(await docker(why));
      throw error;
    });
    // Swarm starts all at once: by now each gateway has found the services, and the front each gateway.
    await until("each of them to serve", async () => {
      const instances = await Promise.all(Array.from({ length: 30 }, () => this.#ask()));
      return !instances.includes(null) && new Set(instances).size === 3;
    }, MINUTE_MS);
  }

  /** Who answered a request that every layer has a part in; `null` when it was not answered well. */
  async #ask(): Promise<string | null> {
    const response = await fetch(`${this.url}/api/users?limit=1`).catch(() => undefined);
    await response?.body?.cancel();
    return response?.status === 200 ? response.headers.get("x-instance-id") : null;
  }

  /** Updates the gateway; answers how the update ended. */
  async updateGateway(...flags: string[]): Promise<string> {
    const service = `${this.name}_gateway`;
    await docker(["service", "update", "--detach", "--no-resolve-image", ...flags, service]);
    return await until("the update to end", async () => {
      const state = await docker([
        "service",
        "inspect",
        "--format={{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}",
        service,
      ]);
      return /completed|paused/.test(state) ? state : undefined;
    }, 3 * MINUTE_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What was not made yet when a deployment failed cannot be removed.
    const remove = (...args: string[]) => docker(args).catch(() => "");
    await remove("stack", "rm", this.name);
    const label = `label=com.docker.stack.namespace=${this.name}`;
    const gone = async () => await remove("ps", "-aq", `--filter=${label}`) === "";
    await until("its containers to end", gone, MINUTE_MS);
    await remove("volume", "rm", "-f", `${this.name}_redis`);
    await remove("secret", "rm", this.name);
    if (this.#made) await remove("swarm", "leave", "--force");
  }
}

Deno.test({
  name: "swarm: a rolling update fails no request, a broken image is rolled back",
  ...await requiresSwarm(),
  async fn(t) {
    await using stack = new SwarmStack();
    await stack.deploy();

    await t.step("three replicas share the requests", async () => {
      const seen = new Set<string>();
      for (let i = 0; i < 9; i++) {
        // deno-lint-ignore no-await-in-loop -- in turn, to meet all of them
        const response = await fetch(`${stack.url}/api/count`);
        // deno-lint-ignore no-await-in-loop -- in turn, to meet all of them
        seen.add((await response.json()).instance);
      }
      assert.equal(seen.size, 3);
    });

    await t.step("a rolling update under 200 requests/s fails none", async () => {
      const probe = await startProbe({
        url: `${stack.url}/api/users?limit=1`,
        ratePerSecond: RATE_PER_SECOND,
        durationSeconds: 5 * 60, // more than the update may take
        connections: "kept-alive",
      });
      assert.equal(await stack.updateGateway("--force", "--update-monitor=1s"), "completed");
      const updatedMs = probe.elapsedMs();
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      probe.stop();
      const { samples } = await probe.result;
      assert.ok((samples.at(-1)?.intendedMs ?? 0) > updatedMs, "the load outlasts the update");
      const failed = samples.filter((sample) => !isGood(sample));
      const longestMs = Math.max(...samples.map(({ latencyMs }) => latencyMs));
      // deno-lint-ignore no-console -- the figures are what the reader wants
      console.log(
        `update of ${
          (updatedMs / 1000).toFixed(0)
        } s: ${failed.length} of ${samples.length} failed, ` +
          `longest ${longestMs.toFixed(0)} ms`,
      );
      assert.deepEqual(
        failed.map(({ status, error, intendedMs }) => [status, error, Math.round(intendedMs)]),
        [],
      );
    });

    await t.step("an image that never becomes healthy is rolled back", async () => {
      const context = await Deno.makeTempDir({ prefix: "broken-" });
      try {
        // Listens where the health check does not look.
        await Deno.writeTextFile(`${context}/Dockerfile`, "FROM scaling-lab:deno\nENV PORT=3999\n");
        await docker(["build", "-q", "-t", "scaling-lab:broken", context]);
        const state = await stack.updateGateway(
          "--image=scaling-lab:broken",
          "--update-monitor=30s",
        );
        assert.equal(state, "rollback_completed");
        const image = await docker([
          "service",
          "inspect",
          "--format={{.Spec.TaskTemplate.ContainerSpec.Image}}",
          `${stack.name}_gateway`,
        ]);
        assert.equal(image, "scaling-lab:deno");
        const signal = AbortSignal.timeout(10_000);
        const response = await fetch(`${stack.url}/api/users?limit=1`, { signal });
        await response.body?.cancel();
        assert.equal(response.status, 200);
      } finally {
        await Deno.remove(context, { recursive: true });
        await docker(["image", "rm", "-f", "scaling-lab:broken"]);
      }
    });
  },
});
