/**
 * Parts of the system that are away: what needs them has its status and a problem+json, what does not goes on, and all
 * of it heals by itself.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- one request after the other
import assert from "node:assert/strict";
import { probe } from "../../lab/load/prober.ts";
import { requires } from "../requires.ts";
import { killAndWait, startTestStack, type TestStack } from "../stack.ts";
import { until } from "../until.ts";

/** From Redis's return. */
const HEALED_WITHIN_MS = 2_000;
/**
 * From one time to the next while nothing but refusals happen. The young generation makes 1.15 of it now and then, for
 * ever; 12 KB kept of each of 2,400 requests would be more than this.
 */
const MEMORY_RATIO = 1.25;

const order = { userId: "usr_000000000001", items: [{ sku: "a", quantity: 1, unitPriceCents: 1 }] };

async function statusOf(stack: TestStack, path: string, init?: RequestInit): Promise<number> {
  const response = await fetch(stack.url + path, init);
  if (response.status >= 500) {
    assert.match(response.headers.get("content-type") ?? "", /^application\/problem\+json/);
  }
  await response.body?.cancel();
  return response.status;
}

Deno.test({
  name: "a service that is down is 502, one that is slow 504, and both heal by themselves",
  ...requires("nginx", "redis-server"),
  async fn() {
    await using stack = await startTestStack({ replicas: 1 });
    await stack.kill("payments-1", "SIGSTOP");
    assert.equal(await statusOf(stack, "/api/payments/pay_slow"), 504);
    assert.equal(await statusOf(stack, "/api/users"), 200, "others are not disturbed");
    await stack.kill("payments-1", "SIGCONT");
    await until(
      "payments to answer",
      async () => await statusOf(stack, "/api/payments/pay_slow") === 404,
    );

    let n = 0;
    await until("a request while it is down", async () => {
      await stack.kill("payments-1", "SIGKILL").catch(() => {}); // it is still down
      const status = await statusOf(stack, `/api/payments/pay_down${n++}`);
      assert.ok([404, 502].includes(status), `${status}`);
      return status === 502;
    });
    await until(
      "payments to answer",
      async () => await statusOf(stack, "/api/payments/pay_down") === 404,
    );
  },
});

Deno.test({
  name: "Redis away is 503 for what needs it; it heals by itself and nothing acknowledged is lost",
  ...requires("nginx", "redis-server"),
  async fn() {
    await using stack = await startTestStack({ replicas: 2 });
    const place = async () => {
      const response = await fetch(`${stack.url}/api/orders`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(order),
      });
      const { id } = await response.json();
      return { status: response.status, id };
    };
    const { id, status } = await place();
    assert.equal(status, 201);

    await stack.kill("redis", "SIGSTOP");
    for (const path of ["/api/count/shared", `/api/orders/${id}`, "/api/users"]) {
      assert.equal(await statusOf(stack, path), 503, path);
    }
    assert.equal((await place()).status, 503);
    for (const path of ["/api/count", "/api/metrics"]) {
      assert.equal(await statusOf(stack, path), 200, `${path} does not need it`);
    }
    await stack.kill("redis", "SIGCONT");
    await until(
      "Redis to be used",
      async () => await statusOf(stack, "/api/users") === 200,
      HEALED_WITHIN_MS,
    );

    await killAndWait(stack, "redis");
    await until(
      "Redis to be used again",
      async () => await statusOf(stack, `/api/orders/${id}`) === 200,
      HEALED_WITHIN_MS,
    );
    assert.equal((await place()).status, 201);
    const { instances } = await stack.status();
    for (const each of instances) assert.equal(each.restarts, each.id === "redis" ? 1 : 0, each.id);
  },
});

Deno.test({
  name: "nothing piles up in memory while Redis is away under 200 requests/s",
  ...requires("nginx", "redis-server"),
  async fn() {
    await using stack = await startTestStack({ replicas: 1, gatewayEnv: { SHEDDING: "off" } });
    const load = async (expected: number, durationSeconds: number) => {
      const samples = await probe({
        targets: ["/api/users", "/api/count/shared"].map((path) => ({ url: stack.url + path })),
        ratePerSecond: 200,
        durationSeconds,
      });
      assert.deepEqual([...new Set(samples.map(({ status }) => status))], [expected]);
    };
    const memory = async () => {
      const { instances } = await stack.status();
      return ["gateway-1", "users-1"].map((id) => {
        const bytes = instances.find((each) => each.id === id)?.rssBytes;
        assert.ok(bytes, `${id} runs`);
        return bytes;
      });
    };
    await load(200, 3);
    await stack.kill("redis", "SIGSTOP");
    await load(503, 6); // everything has grown to what it needs for this
    const before = await memory();
    await load(503, 12);
    const after = await memory();
    for (const [i, bytes] of after.entries()) {
      const was = before[i] ?? 0;
      // deno-lint-ignore no-console -- the figures are what the reader wants
      console.log(`${(was / 1e6).toFixed(0)} MB, then ${(bytes / 1e6).toFixed(0)} MB`);
      assert.ok(bytes <= MEMORY_RATIO * was, `${was / 1e6} MB, then ${bytes / 1e6} MB`);
    }
    await stack.kill("redis", "SIGCONT");
  },
});
