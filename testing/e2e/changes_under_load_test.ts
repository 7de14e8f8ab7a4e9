/**
 * Changes and deaths while requests come: nobody may notice. 200 requests/s on fresh connections and 200
 * on kept-alive ones at the same time, 5,000 of each.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- one change after the other is what is tested
import assert from "node:assert/strict";
import type { FrontKind, Policy } from "../../lb/front.ts";
import { startProbe } from "../../lab/load/prober.ts";
import { isGood } from "../../lab/load/sample.ts";
import { pause } from "../pause.ts";
import { requires } from "../requires.ts";
import { killAndWait, startTestStack, type TestStack } from "../stack.ts";
import { tries } from "../tries.ts";

const RATE_PER_SECOND = 200;
const REQUESTS = 5_000;
/** Connections of {@linkcode REQUESTS} that may be reset where that can happen; README.md says so too. */
const MAY_RESET = 5;
const LAST_MS = REQUESTS / RATE_PER_SECOND * 1_000 - 2_000;
const CHANGES: Record<string, (stack: TestStack, round: number) => Promise<void>> = {
  "scale 1 -> 5 -> 2 and users 1 -> 2 -> 1": async (stack) => {
    await stack.scale({ gateway: 5 });
    await pause(1_000);
    await stack.scale({ gateway: 2, users: 2 });
    await pause(1_000);
    await stack.scale({ gateway: 1, users: 1 });
    await pause(1_000);
  },
  "kill -9 of a replica": async (stack, round) => {
    await killAndWait(stack, `gateway-${1 + round % 3}`);
    await pause(1_000);
  },
  "policy swap": async (stack, round) => {
    const policies: Policy[] = ["least-conn", "two-choices", "ip-hash", "round-robin"];
    await stack.setFront({ policy: policies[round % policies.length] ?? "round-robin" });
    await pause(1_000);
  },
  "front swap": async (stack) => {
    const { front } = await stack.status();
    const kind: FrontKind = front === "nginx" ? "caddy" : "nginx";
    await stack.setFront({ kind });
    assert.equal((await stack.status()).front, kind);
    await pause(1_000);
  },
};

for (const [name, change] of Object.entries(CHANGES)) {
  // A swap goes both ways by itself.
  const fronts: FrontKind[] = name === "front swap" ? ["nginx"] : ["nginx", "caddy"];
  Deno.test({
    name:
      `no request fails during ${name}, but for ${MAY_RESET} resets where a socket must close: ${
        fronts.join(" and ")
      }`,
    ...requires("nginx", "caddy", "redis-server"),
    // Two systems at once use a third of two cores, and half the time.
    fn: async () =>
      void await Promise.all(
        fronts.map((front) => tries(2, () => loseNothing(front, name, change))),
      ),
  });
}

async function loseNothing(
  front: FrontKind,
  name: string,
  change: (stack: TestStack, round: number) => Promise<void>,
): Promise<void> {
  const replicas = name.startsWith("scale") ? 1 : 3;
  // Shedding has tests of its own: starting five replicas on two busy cores is an overload, too.
  const gatewayEnv = { SHEDDING: "off" };
  await using stack = await startTestStack({ front, replicas, gatewayEnv });
  const load = (connections: "fresh" | "kept-alive") =>
    startProbe({
      url: `${stack.url}/api/users?limit=1`,
      ratePerSecond: RATE_PER_SECOND,
      count: REQUESTS,
      connections,
    });
  const running = await Promise.all([load("fresh"), load("kept-alive")]);
  await pause(1_000);
  let rounds = 0;
  try {
    for (; (running[0]?.elapsedMs() ?? 0) < LAST_MS; rounds++) await change(stack, rounds);
  } catch (error) {
    for (const probe of running) probe.stop();
    await Promise.all(running.map(({ result }) => result));
    // The supervisor has a log as soon as it had something to say.
    const lines = await Array.fromAsync(stack.logs({ instance: "supervisor" })).catch(() => []);
    // deno-lint-ignore no-console -- why a change failed is nowhere else
    console.log(`${front}, round ${rounds}: ${error}\n${lines.slice(-20).join("\n")}`);
    throw error;
  }

  for (const probe of running) {
    const { samples, plan } = await probe.result;
    const failed = samples.filter((sample) => !isGood(sample));
    const resent = samples.filter(({ retries }) => retries > 0).length;
    const longestMs = Math.max(...samples.map(({ latencyMs }) => latencyMs));
    // deno-lint-ignore no-console -- the figures are what the reader wants
    console.log(
      `${front}, ${plan.connections}: ${failed.length} of ${samples.length} failed in ${rounds} rounds, ` +
        `${resent} sent again on a fresh connection, longest ${longestMs.toFixed(0)} ms`,
    );
    assert.equal(samples.length, REQUESTS);
    const resets = failed.filter(({ error }) => error === "reset");
    const others = failed.filter(({ error }) => error !== "reset");
    assert.deepEqual(others.map((sample) => JSON.stringify(sample)), []);
    const most = mayReset(front, name) ? MAY_RESET : 0;
    assert.ok(resets.length <= most, `${resets.length} resets of at most ${most}`);
  }
}

/**
 * Whether connections may be reset at all: a process that stops listening while another listens on the same
 * port resets what it has not accepted yet; the kernel moves nothing unless it is told to
 * (`net.ipv4.tcp_migrate_req`). Caddy opens a new socket and closes the old one at each reload, and every
 * front closes its own in a swap. docs/decisions.md has the figures.
 */
function mayReset(front: FrontKind, change: string): boolean {
  return change === "front swap" || (front === "caddy" && !change.startsWith("kill"));
}
