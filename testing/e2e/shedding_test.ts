/**
 * The system while there is less of it than is asked for: replicas killed, replicas blocked.
 *
 * @module
 */
import assert from "node:assert/strict";
import { runOha } from "../../lab/load/oha.ts";
import { startProbe } from "../../lab/load/prober.ts";
import type { Sample } from "../../lab/load/sample.ts";
import { percentile } from "../../lab/stats/percentile.ts";
import { keepDown } from "../keep_down.ts";
import { pause } from "../pause.ts";
import { requires } from "../requires.ts";
import { addressOf, startTestStack } from "../stack.ts";
import { tries } from "../tries.ts";

/** From the actual send: how long the system took, without what the prober was late by. */
function answerMs({ latencyMs, lateMs }: Sample): number {
  return latencyMs - lateMs;
}

/** From the kill until the front knows, and the survivor has seen that the queue stands. */
const ONSET_MS = 2_500;
/**
 * The event loop computes for so long a request: the replica is the bottleneck, not the machine around it. Of the
 * shorter ones enough come to be seen as a queue; of the longer ones only the lag tells, and somewhat later. A refusal
 * waits for the turn of the loop to end, which is a few requests long.
 */
const WORK = [
  { ms: 2, acceptedFromMs: 0, refusedWithinMs: 20 },
  { ms: 20, acceptedFromMs: ONSET_MS, refusedWithinMs: 250 },
];
/** Share of what one replica can do that is done at least when more is offered. */
const LEAST_GOODPUT = 0.7;

async function overloadTheSurvivor({ ms, acceptedFromMs }: typeof WORK[number]) {
  const path = `/api/cpu-bound?ms=${ms}&mode=inline`;
  await using stack = await startTestStack({ replicas: 3, front: "nginx", policy: "round-robin" });
  const survivor = await addressOf(stack, "gateway-1");
  const capacity = await runOha({
    url: survivor + path,
    mode: "closed",
    durationSeconds: 2,
    connections: 2, // one is worked on, one waits: busy, and no queue
  });
  const ratePerSecond = Math.round(1.2 * capacity.goodputPerSecond);
  const probe = await startProbe({ url: stack.url + path, ratePerSecond, durationSeconds: 8 });
  await pause(1_500);
  const killedAtMs = probe.elapsedMs();
  await using _ = keepDown(stack, ["gateway-2", "gateway-3"]);
  const { samples, generator } = await probe.result;
  const after = samples.filter(({ intendedMs }) => intendedMs > killedAtMs);
  const accepted = after.filter(({ status }) => status === 200);
  const refused = after.filter(({ status }) => status === 503);
  const settled = refused.filter(({ intendedMs }) => intendedMs > killedAtMs + ONSET_MS);
  return {
    ratePerSecond,
    goodput: accepted.length / capacity.goodputPerSecond /
      ((after.at(-1)?.intendedMs ?? 0) - killedAtMs) * 1_000,
    others: after.filter(({ status }) => status !== 200 && status !== 503),
    accepted: accepted.length,
    acceptedP99Ms: percentile(
      accepted.filter(({ intendedMs }) => intendedMs > killedAtMs + acceptedFromMs)
        .map(({ latencyMs }) => latencyMs),
      0.99,
    ),
    refused: settled.length,
    refusedP50Ms: percentile(settled.map(answerMs), 0.5),
    refusedP99Ms: percentile(settled.map(answerMs), 0.99),
    withoutRetryAfter: refused.filter(({ retryAfterS }) => retryAfterS === null).length,
    generator,
  };
}

for (const work of WORK) {
  Deno.test({
    name:
      `one replica of three left and 20 % too much work of ${work.ms} ms: what is accepted is quick, the rest refused within ${work.refusedWithinMs} ms`,
    ...requires("nginx", "redis-server", "oha"),
    async fn() {
      const results: Awaited<ReturnType<typeof overloadTheSurvivor>>[] = [];
      // deno-lint-ignore no-await-in-loop -- the loop makes tests
      await tries(3, async () => {
        const result = await overloadTheSurvivor(work);
        results.push(result);
        const shown = JSON.stringify(result);
        // deno-lint-ignore no-console -- the figures are what the reader wants
        console.log(shown);
        assert.ok(result.goodput >= LEAST_GOODPUT, shown);
        assert.ok(result.acceptedP99Ms < 500, shown);
        assert.ok(result.refusedP99Ms <= work.refusedWithinMs, shown);
      });
      // No noise excuses these.
      for (const { others, withoutRetryAfter, accepted, refused } of results) {
        assert.deepEqual(others, [], "nothing but 200 and 503");
        assert.equal(withoutRetryAfter, 0);
        assert.ok(accepted > 0 && refused > 0, `${accepted} accepted, ${refused} refused`);
      }
    },
  });
}

Deno.test({
  name:
    "a replica whose event loop is blocked for 3 s gets no more requests within 1 s behind Caddy",
  ...requires("caddy", "redis-server"),
  async fn() {
    await using stack = await startTestStack({
      replicas: 3,
      front: "caddy",
      policy: "round-robin",
    });
    const blocked = await addressOf(stack, "gateway-2");
    const probe = await startProbe({
      url: `${stack.url}/api/users?limit=1`,
      ratePerSecond: 200,
      durationSeconds: 8,
    });
    await pause(1_500);
    const startMs = probe.elapsedMs();
    const block = await fetch(`${blocked}/api/cpu-bound?ms=3000&mode=inline`);
    assert.equal(block.status, 200);
    await block.body?.cancel();
    const endMs = probe.elapsedMs();
    const { samples } = await probe.result;
    assert.deepEqual(samples.filter(({ status }) => status !== 200), []);
    const delayed = samples.filter(({ latencyMs }) => latencyMs > 1_000);
    assert.ok(delayed.length > 0, "the block was felt");
    const last = Math.max(...delayed.map(({ intendedMs }) => intendedMs));
    assert.ok(
      last <= startMs + 1_000,
      `delayed until ${last - startMs} ms after the block's start`,
    );
    const back = samples.some(({ instance, intendedMs }) =>
      instance === "gateway-2" && intendedMs > endMs
    );
    assert.ok(back, "it came back by itself");
  },
});
