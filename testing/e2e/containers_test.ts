/**
 * The same system as containers, on a real engine.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- one change after the other is what is tested
import assert from "node:assert/strict";
import { startProbe } from "../../lab/load/prober.ts";
import { isGood, type Sample } from "../../lab/load/sample.ts";
import { verify } from "../../lab/verify/verify.ts";
import { projectName } from "../../stack/compose/sweep.ts";
import { assertHardened, assertNothingLeft, assertOnlyFrontInReach } from "../containers.ts";
import { startOrderWriters, unreadable } from "../order_writers.ts";
import { pause } from "../pause.ts";
import { requires } from "../requires.ts";
import { startTestStack } from "../stack.ts";
import { until } from "../until.ts";

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
    const project = projectName(stack.stateDir);

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
      await assertHardened(project, /-edge$/);
    });

    await t.step("from where the front is published, nothing else is in reach", async () => {
      await assertOnlyFrontInReach(project, `${project}-published`);
    });

    await t.step(
      "no acknowledged order is lost when Redis is killed under 16 writers",
      async () => {
        const writers = startOrderWriters(stack.url, 16);
        const more = async (what: string, count: number) => {
          const wanted = writers.acknowledged.length + count;
          await until(what, () => writers.acknowledged.length >= wanted, 30_000);
        };
        await more("orders", 200);
        await stack.kill("redis", "SIGKILL");
        const acknowledgedBefore = writers.acknowledged.length;
        await until("the loss of Redis to be felt", () => writers.failures > 0);
        await more("orders again", 200);
        await writers.stop();
        const ids = writers.acknowledged;
        const lost = await unreadable(stack.url, ids);
        // deno-lint-ignore no-console -- the figures are what the reader wants
        console.log(
          `${lost.length} of ${ids.length} acknowledged orders lost, ${acknowledgedBefore} before the ` +
            `kill; ${writers.failures} requests refused`,
        );
        assert.deepEqual(lost, []);
        assert.equal(new Set(ids).size, ids.length);
      },
    );

    await t.step("the seven checks of verify pass", async () => {
      const failed: string[] = [];
      await verify(stack, ({ title }, { passed, seen }) => {
        // deno-lint-ignore no-console -- the figures are what the reader wants
        console.log(`${passed ? "pass" : "FAIL"} ${title}: ${seen}`);
        if (!passed) failed.push(title);
      });
      assert.deepEqual(failed, []);
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
              durationSeconds: 5 * 60, // more than the changes take
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
        const changedMs = probes.map((probe) => probe.elapsedMs());
        await pause(1_000);
        for (const probe of probes) probe.stop();
        for (const [i, probe] of probes.entries()) {
          const { samples, plan } = await probe.result;
          const endMs = changedMs[i] ?? Infinity;
          assert.ok((samples.at(-1)?.intendedMs ?? 0) > endMs, "the load outlasts the changes");
          report(plan.connections, samples);
          const cut = samples.filter(({ error }) => error === "reset" || error === "closed");
          const others = samples.filter((sample) => !isGood(sample) && !cut.includes(sample));
          assert.deepEqual(failures(others), []);
          assert.ok(cut.length <= MAY_CUT, `${cut.length} connections cut`);
        }
      },
    );

    await t.step(
      "a killed front comes back, a killed replica that is scaled away does not",
      async () => {
        await stack.kill("front", "SIGKILL");
        await until("the front to answer again", async () => {
          const signal = AbortSignal.timeout(1_000);
          const response = await fetch(`${stack.url}/api/count`, { signal }).catch(() => undefined);
          await response?.body?.cancel();
          return response?.status === 200;
        });
        const gateways = async () =>
          (await stack.status()).instances.filter(({ service }) => service === "gateway");
        await stack.kill((await gateways()).at(-1)?.id ?? "", "SIGKILL");
        await stack.scale({ gateway: 1 });
        await pause(1_000); // longer than the revival of one that ended takes to begin
        assert.deepEqual((await gateways()).map(({ state }) => state), ["ready"]);
      },
    );

    await t.step("down leaves nothing", async () => {
      await stack.down();
      await assertNothingLeft(project);
    });
  },
});

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
