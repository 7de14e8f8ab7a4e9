/**
 * The same system as containers, on a real engine: through our tasks' engine, and through nothing but
 * `docker compose`.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- one change after the other is what is tested
import assert from "node:assert/strict";
import { startProbe } from "../../lab/load/prober.ts";
import { isGood, type Sample } from "../../lab/load/sample.ts";
import { docker } from "../../stack/compose/docker.ts";
import { composeProject } from "../compose.ts";
import { requires } from "../requires.ts";
import { startTestStack } from "../stack.ts";
import { until } from "../until.ts";
import { tries } from "../tries.ts";

const RATE_PER_SECOND = 200;
/**
 * Connections that may be cut: a front that stops listening resets what it has not accepted yet, and two
 * swaps and one reload of Caddy do so. docs/decisions.md, "What a change of the front costs".
 */
const MAY_CUT = 3;

Deno.test({
  name: "containers: the system as it is with processes, and nothing but the front to be reached",
  ...requires("docker"),
  async fn(t) {
    // Starting containers takes the whole of a small machine, and a starved gateway sheds, as it should:
    // what is asked here is whether a change loses a request.
    const gatewayEnv = { SHEDDING: "off" };
    await using stack = await startTestStack({ engine: "compose", replicas: 3, gatewayEnv });

    await t.step("nine sequential counts are 1, 2, 3 of three instances", async () => {
      const seen = new Map<string, number[]>();
      for (let i = 0; i < 9; i++) {
        const { instance, count } = await getJson(`${stack.url}/api/count`);
        seen.set(instance, [...seen.get(instance) ?? [], count]);
      }
      assert.deepEqual([...seen.values()], [[1, 2, 3], [1, 2, 3], [1, 2, 3]]);
      const { instances } = await stack.status();
      const gateways = instances.filter(({ service }) => service === "gateway");
      assert.deepEqual(gateways.map(({ id }) => id).sort(), [...seen.keys()].sort());
    });

    await t.step("probes, metrics and faults are not to be had through the front", async () => {
      for (const path of ["/healthz", "/readyz", "/metrics", "/faults", "/users"]) {
        const response = await fetch(stack.url + path);
        await response.body?.cancel();
        assert.equal(response.status, 404, path);
      }
    });

    await t.step("no container but the edge publishes a port, none has rights", async () => {
      const project = `stack-`;
      const ids = (await docker(["ps", "-q", `--filter=name=${project}`])).split("\n");
      const containers = JSON.parse(await docker(["inspect", ...ids]));
      assert.ok(containers.length >= 9, `${containers.length} containers`);
      for (const { Name, HostConfig, Config } of containers) {
        const published = Object.keys(HostConfig.PortBindings ?? {});
        assert.deepEqual(published, Name.endsWith("-edge") ? ["8080/tcp"] : [], Name);
        assert.ok(HostConfig.ReadonlyRootfs, `${Name} has a read-only root`);
        assert.deepEqual(HostConfig.CapDrop, ["ALL"], Name);
        assert.match(Config.User, /^[1-9]/, `${Name} is not root`);
        assert.ok(HostConfig.SecurityOpt.includes("no-new-privileges:true"), Name);
        assert.ok(HostConfig.Memory > 0, `${Name} has a memory limit`);
      }
    });

    await t.step("an acknowledged order survives the death of Redis", async () => {
      const order = {
        userId: "usr_000000000001",
        items: [{ sku: "tea", quantity: 1, unitPriceCents: 5 }],
      };
      const response = await fetch(`${stack.url}/api/orders`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(order),
      });
      assert.equal(response.status, 201);
      const { id } = await response.json();
      await stack.kill("redis", "SIGKILL");
      await until("the order to be read again", async () => {
        const answer = await fetch(`${stack.url}/api/orders/${id}`);
        await answer.body?.cancel();
        return answer.status === 200;
      });
    });

    await t.step("logs are JSON, one object a line", async () => {
      const { instances } = await stack.status();
      const id = instances.find(({ service }) => service === "gateway")?.id ?? "";
      let lines = 0;
      for await (const line of stack.logs({ instance: id })) {
        assert.equal(JSON.parse(line).instance, id);
        lines++;
      }
      assert.ok(lines > 0);
    });

    await t.step(
      "no request fails while replicas, policy and front change and one is killed",
      async () => {
        const probes = await Promise.all(
          (["fresh", "kept-alive"] as const).map((connections) =>
            startProbe({
              url: `${stack.url}/api/users?limit=1`,
              ratePerSecond: RATE_PER_SECOND / 2,
              count: 5_000,
              connections,
            })
          ),
        );
        await stack.scale({ gateway: 1 });
        await stack.scale({ gateway: 5 });
        await stack.setFront({ policy: "least-conn" });
        await stack.setFront({ kind: "caddy" });
        await stack.scale({ gateway: 2, users: 2 });
        await stack.setFront({ kind: "nginx" });
        const { instances } = await stack.status();
        const victim = instances.find(({ service }) => service === "gateway")?.id ?? "";
        await stack.kill(victim, "SIGKILL");
        await until(`${victim} to be back`, async () => {
          const { instances } = await stack.status();
          return instances.find(({ id, state, restarts }) =>
            id === victim && state === "ready" && restarts === 1
          );
        });
        for (const probe of probes) {
          const { samples, plan } = await probe.result;
          report(plan.connections, samples);
          const cut = samples.filter(({ error }) => error === "reset" || error === "closed");
          const others = samples.filter((sample) => !isGood(sample) && !cut.includes(sample));
          assert.deepEqual(failures(others), []);
          assert.ok(cut.length <= MAY_CUT, `${cut.length} connections cut`);
        }
      },
    );
  },
});

for (const front of ["nginx", "caddy"] as const) {
  Deno.test({
    name: `docker compose: ${front} finds replicas and forgets them, with no task of ours`,
    ...requires("docker"),
    fn: () =>
      tries(2, async () => {
        await using project = await composeProject();
        const env = { FRONT: front };
        await project.up(3, env);
        await until("the front to answer", async () => {
          const response = await fetch(`${project.url}/api/users?limit=1`);
          await response.body?.cancel();
          return response.status === 200;
        });
        const probe = await startProbe({
          url: `${project.url}/api/users?limit=1`,
          ratePerSecond: 50,
          count: 1_750,
          connections: "kept-alive",
        });
        const phases: Record<number, number> = {};
        let shrinkingAtMs = 0;
        for (const gateways of [5, 2]) {
          shrinkingAtMs = probe.elapsedMs();
          await project.up(gateways, env);
          await pause(2_000); // both fronts ask for addresses every second
          phases[gateways] = probe.elapsedMs();
          await pause(3_000);
        }
        const { samples } = await probe.result;
        report(front, samples);
        for (const [gateways, fromMs = 0] of Object.entries(phases)) {
          const inPhase = samples.filter(({ intendedMs }) =>
            intendedMs > Number(fromMs) && intendedMs < Number(fromMs) + 3_000
          );
          const served = new Set(inPhase.map(({ instance }) => instance));
          assert.equal(served.size, Number(gateways), `${gateways} replicas serve`);
        }
        assert.deepEqual(failures(samples), []);
        // While containers start, a small machine has no CPU left; that is not the wait that is meant.
        const slow = samples.filter(({ intendedMs, latencyMs }) =>
          intendedMs > shrinkingAtMs && latencyMs > 1_000
        );
        assert.deepEqual(slow.map(({ intendedMs, latencyMs }) => ({ intendedMs, latencyMs })), []);
      }),
  });
}

function failures(samples: readonly Sample[]): unknown[] {
  return samples.filter((sample) => !isGood(sample))
    .map(({ status, error, intendedMs }) => ({ status, error, intendedMs }));
}

function report(name: string, samples: readonly Sample[]): void {
  const longestMs = Math.max(...samples.map(({ latencyMs }) => latencyMs));
  // deno-lint-ignore no-console -- the figures are what the reader wants
  console.log(
    `${name}: ${failures(samples).length} of ${samples.length} failed, ` +
      `longest ${longestMs.toFixed(0)} ms`,
  );
}

async function getJson(url: string): Promise<{ instance: string; count: number }> {
  return await (await fetch(url)).json();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
