/**
 * A real service process, on both runtimes, while its Redis hangs, dies and returns.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- one request after the other is the point
import assert from "node:assert/strict";
import { startInstanceProcess } from "../testing/instance_process.ts";
import { startTestRedis } from "../testing/redis.ts";
import { requires } from "../testing/requires.ts";
import { until } from "../testing/until.ts";

interface Outcome {
  status: number;
  elapsedMs: number;
  type: string;
  id: string;
}

async function post(url: string, key: string): Promise<Outcome> {
  const startMs = performance.now();
  const response = await fetch(`${url}/orders`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: '{"userId":"u","items":[{"sku":"a","quantity":1,"unitPriceCents":5}]}',
  });
  const { type, id } = await response.json();
  return { status: response.status, elapsedMs: performance.now() - startMs, type, id };
}

/** Asks many times at once; all must be refused, none may wait. */
async function assertRefused(url: string): Promise<void> {
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, (_, i) => post(url, `refused-${i}`)),
  );
  for (const { status, type, elapsedMs } of outcomes) {
    assert.equal(status, 503);
    assert.equal(type, "/problems/store-unavailable");
    // The deadline is 1 s; the rest is for 50 requests on a busy machine.
    assert.ok(elapsedMs < 1_500, `answered after ${elapsedMs} ms`);
  }
}

async function assertRecovers(url: string, key: string): Promise<void> {
  await until("an order to be accepted", async () => (await post(url, key)).status === 201, 2_000);
}

for (const runtime of ["deno", "node"] as const) {
  Deno.test({
    name: `orders on ${runtime} answer 503 while Redis is away and lose nothing`,
    ...(runtime === "node" ? requires("redis-server", "node") : requires("redis-server")),
    async fn() {
      await using redis = await startTestRedis();
      await using orders = startInstanceProcess({
        runtime,
        main: "services/orders/main.ts",
        env: { REDIS_URL: redis.url, SEED: "0" },
      });
      const url = await orders.url();
      const kept = await post(url, "kept");
      assert.equal(kept.status, 201);

      await redis.kill("SIGSTOP");
      await assertRefused(url);
      await redis.kill("SIGCONT");
      await assertRecovers(url, "after-hang");

      await redis.kill("SIGKILL");
      for (let round = 0; round < 3; round++) await assertRefused(url);
      assert.equal((await fetch(`${url}/readyz`)).status, 200);
      await redis.restart();
      await assertRecovers(url, "after-kill");

      const again = await post(url, "kept");
      assert.equal(again.id, kept.id);
      // What was refused can be sent again, and is carried out once. A key that Redis was asked to
      // claim before it hung is claimed until that runs out: 409 meanwhile.
      const first = await until("the refused order to be accepted", async () => {
        const outcome = await post(url, "refused-0");
        return outcome.status === 201 && outcome;
      });
      assert.equal((await post(url, "refused-0")).id, first.id);

      orders.kill("SIGTERM");
      assert.equal(await orders.exitCode, 0);
      assert.deepEqual(orders.rubbish, []);
    },
  });
}
