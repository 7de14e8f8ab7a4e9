/**
 * `compose.yaml` on a real engine, through nothing but `docker compose`: once with nginx and Deno, once
 * with Caddy and Node.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- one change after the other is what is tested
import assert from "node:assert/strict";
import { startProbe } from "../../lab/load/prober.ts";
import { isGood, type Sample } from "../../lab/load/sample.ts";
import { docker } from "../../stack/compose/docker.ts";
import { type ComposeProject, composeProject } from "../compose.ts";
import {
  assertHardened,
  assertImageSmall,
  assertNothingLeft,
  assertOnlyFrontInReach,
} from "../containers.ts";
import { pause } from "../pause.ts";
import { requires } from "../requires.ts";
import { tries } from "../tries.ts";
import { until } from "../until.ts";

/** A replica is found, or forgotten, this long after `up` has returned. */
const NOTICED_WITHIN_MS = 2_000;

for (const [front, runtime] of [["nginx", "deno"], ["caddy", "node"]] as const) {
  Deno.test({
    name: `docker compose: ${front} before ${runtime}, with no task of ours`,
    ...requires("docker"),
    async fn(t) {
      const env = { FRONT: front, RUNTIME: runtime };
      await using project = await composeProject();
      await project.command(["build", "gateway"], env);
      await project.up(3, env);
      await untilServed(project);

      await t.step("the image adds less than 200 MB to its base", () => assertImageSmall(runtime));

      await t.step("no container but the front publishes a port, none has rights", async () => {
        await assertHardened(project.name, /_front_|-front-/);
      });

      await t.step("from where the front is published, nothing else is in reach", async () => {
        await assertOnlyFrontInReach(project.name, `${project.name}_outside`);
      });

      await t.step("a token of one replica is good at the others", () => checkTokens(project.url));

      await t.step("replicas are found within 2 s, and forgotten", async () => {
        await tries(2, async () => {
          await project.up(3, env);
          await checkScaling(project, env);
        });
      });

      if (front === "nginx") {
        await t.step("another policy, another front: one command each", async () => {
          await checkSwitches(project, env);
        });
      }

      await t.step("down -v leaves nothing", async () => {
        await project.down();
        await assertNothingLeft(project.name);
      });
    },
  });
}

async function untilServed({ url }: ComposeProject): Promise<void> {
  await until("the front to answer", async () => {
    const response = await fetch(`${url}/api/users?limit=1`).catch(() => undefined);
    await response?.body?.cancel();
    return response?.status === 200;
  });
}

async function checkTokens(url: string): Promise<void> {
  const answer = await fetch(`${url}/api/token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user: "usr_000000000001", password: "demo" }),
  });
  assert.equal(answer.status, 200);
  const { token, instance } = await answer.json();
  const accepting = new Set<string>();
  for (let i = 0; i < 9; i++) {
    const headers = { authorization: `Bearer ${token}` };
    const secure = await fetch(`${url}/api/secure`, { headers });
    assert.equal(secure.status, 200);
    accepting.add((await secure.json()).instance);
  }
  assert.equal(accepting.size, 3);
  assert.ok(accepting.has(instance));
}

async function checkScaling(project: ComposeProject, env: Record<string, string>): Promise<void> {
  const probe = await startProbe({
    url: `${project.url}/api/users?limit=1`,
    ratePerSecond: 50,
    durationSeconds: 120, // more than the changes take
    connections: "kept-alive",
  });
  await project.up(5, env);
  const grownMs = probe.elapsedMs();
  await pause(NOTICED_WITHIN_MS + 500);
  const shrinkingMs = probe.elapsedMs();
  await project.up(2, env);
  const shrunkMs = probe.elapsedMs();
  await pause(NOTICED_WITHIN_MS + 1_000);
  probe.stop();
  const { samples } = await probe.result;

  const grown = samples.filter(({ intendedMs }) =>
    intendedMs > grownMs && intendedMs < shrinkingMs
  );
  const firstMs = new Map<string | null, number>();
  for (const { instance, intendedMs, latencyMs } of grown) {
    if (!firstMs.has(instance)) firstMs.set(instance, intendedMs + latencyMs - grownMs);
  }
  const foundMs = Math.max(...firstMs.values());
  const failed = samples.filter((sample) => !isGood(sample));
  // deno-lint-ignore no-console -- the figures are what the reader wants
  console.log(
    `${env.FRONT}: ${failed.length} of ${samples.length} failed, longest ${longest(samples)} ms; ` +
      `${firstMs.size} serve ${foundMs.toFixed(0)} ms after up`,
  );
  assert.equal(firstMs.size, 5, "replicas serve");
  assert.ok(foundMs <= NOTICED_WITHIN_MS, `the last new replica served after ${foundMs} ms`);
  const after = samples.filter(({ intendedMs }) => intendedMs > shrunkMs + NOTICED_WITHIN_MS);
  assert.ok(after.length > 0, "the load outlasts the changes");
  assert.equal(new Set(after.map(({ instance }) => instance)).size, 2, "replicas that stay serve");
  assert.deepEqual(failed.map(({ status, error, intendedMs }) => [status, error, intendedMs]), []);
  // While containers start, a small machine has no CPU left; that is not the wait that is meant.
  const slow = samples.filter(({ intendedMs, latencyMs }) =>
    intendedMs > shrinkingMs && latencyMs > 1_000
  );
  assert.deepEqual(slow.map(({ intendedMs, latencyMs }) => [intendedMs, latencyMs]), []);
}

async function checkSwitches(project: ComposeProject, env: Record<string, string>): Promise<void> {
  for (
    const [FRONT, LB_POLICY] of [["nginx", "ip-hash"], ["caddy", "ip-hash"], [
      "caddy",
      "least-conn",
    ]] as const
  ) {
    await project.up(2, { ...env, FRONT, LB_POLICY });
    await untilServed(project);
    const [container] = await project.containers("front");
    const image = await docker(["inspect", "--format={{.Config.Image}}", container?.Id ?? ""]);
    assert.match(image, new RegExp(`^${FRONT}:`));
    const instances = new Set<string>();
    for (let i = 0; i < 8; i++) {
      const response = await fetch(`${project.url}/api/count`);
      instances.add((await response.json()).instance);
    }
    assert.equal(instances.size, LB_POLICY === "ip-hash" ? 1 : 2, `${LB_POLICY} of ${FRONT}`);
  }
}

function longest(samples: readonly Sample[]): string {
  return Math.max(...samples.map(({ latencyMs }) => latencyMs)).toFixed(0);
}
