/**
 * What each policy does for requests, measured on the whole system against what theory says.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- one run after the other is the point
import assert from "node:assert/strict";
import { probe, startProbe } from "../../lab/load/prober.ts";
import { isGood } from "../../lab/load/sample.ts";
import { expectedHeldUp, runBlocked } from "../../lab/verify/cpu_blocking.ts";
import { describeTally, tally } from "../../lab/verify/check.ts";
import { percentile } from "../../lab/stats/percentile.ts";
import { requires } from "../requires.ts";
import { startTestStack } from "../stack.ts";
import { tries } from "../tries.ts";

/** The policy alone: neither active checks nor shedding change who waits. */
const POLICY_ALONE = { activeCheckMs: 3_600_000, gatewayEnv: { SHEDDING: "off" } };

for (const front of ["nginx", "caddy"] as const) {
  Deno.test({
    name: `ip-hash keeps a client at one instance and spreads networks over all: ${front}`,
    ...requires(front, "redis-server"),
    fn: () =>
      tries(3, async () => {
        await using stack = await startTestStack({ front, policy: "ip-hash", replicas: 3 });
        const url = `${stack.url}/api/metrics`;
        const one = await probe({ url, ratePerSecond: 200, count: 50, connections: "fresh" });
        assert.ok(one.every(isGood));
        assert.equal(new Set(one.map(({ instance }) => instance)).size, 1);

        const clients = Array.from({ length: 120 }, (_, n) => `127.${n + 1}.${2 * n}.9`);
        const many = await probe({
          targets: clients.map((localAddress) => ({ url, localAddress })),
          ratePerSecond: 200,
          count: 2 * clients.length,
          connections: "fresh",
        });
        assert.ok(many.every(isGood));
        const shares = tally(many.map(({ instance }) => instance ?? "nobody"));
        assert.equal(shares.size, 3, describeTally(shares));
        // A third of 240 each, give or take what chance does to 120 clients (4 standard deviations).
        for (const share of shares.values()) assert.ok(share > 38, describeTally(shares));
        // The same client again: the same instance, also on another connection.
        const byClient = Map.groupBy(many, ({ target }) => target);
        for (const requests of byClient.values()) {
          assert.equal(new Set(requests.map(({ instance }) => instance)).size, 1);
        }
      }),
  });

  Deno.test({
    name:
      `while one of three replicas is blocked round-robin lets a third wait, least-conn none: ${front}`,
    ...requires(front, "redis-server"),
    fn: () =>
      tries(3, async () => {
        await using stack = await startTestStack({ front, replicas: 3, ...POLICY_ALONE });
        const turns = await runBlocked(stack.url, "inline");
        assert.equal(turns.failed, 0);
        const expected = expectedHeldUp(3);
        const described = `held up ${turns.heldUp}, theory ${expected}`;
        assert.ok(Math.abs(turns.heldUp - expected) <= 0.15 * expected, described);

        await stack.setFront({ policy: "least-conn" });
        const least = await runBlocked(stack.url, "inline");
        assert.equal(least.failed, 0);
        // Those already sent when the block began: at 200/s and a few ms each, a handful.
        assert.ok(least.heldUp <= 6, `held up ${least.heldUp}`);
      }),
  });
}

Deno.test({
  name:
    "offloaded CPU work leaves the p99 of light requests on one replica within 5x its quiet p99",
  ...requires("nginx", "redis-server"),
  fn: () =>
    tries(3, async () => {
      await using stack = await startTestStack({ replicas: 1, gatewayEnv: { SHEDDING: "off" } });
      const url = `${stack.url}/api/users?limit=1`;
      const p99 = async (busy: boolean) => {
        const running = await startProbe({ url, ratePerSecond: 100, durationSeconds: 6 });
        // One task after the other for as long as the light requests come.
        while (busy && running.elapsedMs() < 5_500) {
          const response = await fetch(`${stack.url}/api/cpu-bound?ms=500&mode=offload`);
          assert.equal(response.status, 200);
          await response.body?.cancel();
        }
        const { samples } = await running.result;
        const failed = samples.filter((sample) => !isGood(sample)).map(({ status }) => `${status}`);
        assert.equal(failed.length, 0, describeTally(tally(failed)));
        return percentile(samples.map(({ latencyMs }) => latencyMs), 0.99);
      };
      // Starts a thread of the pool.
      assert.equal((await fetch(`${stack.url}/api/cpu-bound?ms=100&mode=offload`)).status, 200);
      await p99(false); // warms everything
      const quiet = await p99(false);
      const busy = await p99(true);
      const described = `quiet p99 ${quiet.toFixed(1)} ms, busy ${busy.toFixed(1)} ms`;
      // deno-lint-ignore no-console -- the figure is what the reader wants
      console.log(described);
      assert.ok(busy <= 5 * quiet, described);
    }),
});
