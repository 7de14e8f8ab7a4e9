/**
 * Money is neither lost nor spent twice: the whole system, while its parts are killed.
 *
 * @module
 */
// deno-lint-ignore-file no-await-in-loop -- clients that try again, kills one after the other
import assert from "node:assert/strict";
import { pause } from "../pause.ts";
import { requires } from "../requires.ts";
import { killAndWait, startTestStack, type TestStack } from "../stack.ts";
import { until } from "../until.ts";

/** What is there from the start. */
const SEEDED_PAYMENTS = 699;

interface Answer {
  status: number;
  body: string;
}

/** Sends a POST again and again, as a careful client does, until it is accepted. */
async function insist(url: string, key: string, body: unknown): Promise<Answer> {
  const endMs = performance.now() + 90_000;
  for (;;) {
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(15_000),
      });
      const answer = { status: response.status, body: await response.text() };
      if (answer.status < 500 && answer.status !== 409 && answer.status !== 429) return answer;
    } catch {
      // Whether it was carried out is not known: that is what the key is for.
    }
    if (performance.now() > endMs) throw new Error(`Cannot post ${key}: no answer in 90 s`);
    await pause(100 + Math.random() * 200);
  }
}

/** Runs `work` on each item, `width` at a time. */
async function each<T>(items: T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(Array.from({ length: width }, async () => {
    for (const item of queue) await work(item);
  }));
}

/** Kills a random instance of one of the services; returns whether there was one to be killed. */
async function killOne(stack: TestStack, services: string[]): Promise<boolean> {
  const { instances } = await stack.status();
  const ready = instances.filter((i) => services.includes(i.service) && i.state === "ready");
  const victim = ready[Math.floor(Math.random() * ready.length)];
  // It may have died since.
  return victim !== undefined &&
    await stack.kill(victim.id, "SIGKILL").then(() => true, () => false);
}

/** Kills so many times, at random moments. */
async function havoc(stack: TestStack, services: string[], kills: number): Promise<void> {
  while (kills > 0) {
    if (await killOne(stack, services)) kills--;
    await pause(Math.random() * 400);
  }
}

/** Waits until every instance serves. */
async function allReady(stack: TestStack): Promise<void> {
  await until("all instances to serve", async () => {
    const { instances } = await stack.status();
    return instances.every(({ state }) => state === "ready");
  }, 30_000);
}

interface PlacedOrder {
  id: string;
  status: string;
  totalCents: number;
}

interface Payment {
  id: string;
  orderId: string;
  amountCents: number;
}

/** Everything that a service lists. The front has no list of payments, so the service is asked itself. */
async function listAll<T>(stack: TestStack, service: "orders" | "payments"): Promise<T[]> {
  await allReady(stack);
  const { instances } = await stack.status();
  const address = instances.find((instance) => instance.service === service)?.address;
  const items: T[] = [];
  let cursor = "";
  do {
    const response = await fetch(`${address}/${service}?limit=100${cursor}`);
    const page = await response.json();
    assert.equal(response.status, 200, JSON.stringify(page));
    items.push(...page.items);
    cursor = page.nextCursor === undefined ? "" : `&cursor=${page.nextCursor}`;
  } while (cursor !== "");
  return items;
}

/** Orders placed by insisting clients, one each, numbered from `first`. */
async function placeOrders(stack: TestStack, count: number, first = 0): Promise<string[]> {
  const ids: string[] = [];
  const numbers = Array.from({ length: count }, (_, i) => first + i);
  await each(numbers, 16, async (number) => {
    const answer = await insist(`${stack.url}/api/orders`, `order-${number}`, {
      userId: "usr_000000000001",
      items: [{ sku: "book", quantity: 1 + number % 3, unitPriceCents: 1_000 + number }],
    });
    assert.equal(answer.status, 201, answer.body);
    ids.push(JSON.parse(answer.body).id);
  });
  return ids;
}

/** Every order is paid, by one payment of its total. */
async function assertPaidOnce(stack: TestStack, ids: string[]): Promise<void> {
  const mine = new Set(ids);
  assert.equal(mine.size, ids.length);
  const orders = await until("every order to be paid", async () => {
    const all = await listAll<PlacedOrder>(stack, "orders");
    const found = all.filter(({ id }) => mine.has(id));
    assert.equal(found.length, ids.length, "an acknowledged order is lost");
    return found.every(({ status }) => status === "paid") && found;
  }, 60_000);
  const payments = await listAll<Payment>(stack, "payments");
  assert.equal(payments.length, SEEDED_PAYMENTS + ids.length);
  const byOrder = Map.groupBy(payments, ({ orderId }) => orderId);
  for (const { id, totalCents } of orders) {
    assert.deepEqual(byOrder.get(id)?.map(({ amountCents }) => amountCents), [totalCents], id);
  }
}

// Both fronts: Caddy 2.6.2 told to buffer requests sent payments with the bodies of others.
for (const [front, runtime] of [["nginx", "node"], ["caddy", "deno"]] as const) {
  Deno.test({
    name:
      `1,000 concurrent payments with 100 keys make 100 payments while parts die behind ${front} on ${runtime}`,
    ...requires(front, "redis-server", ...(runtime === "node" ? ["node" as const] : [])),
    async fn() {
      const scale = { payments: 2 };
      await using stack = await startTestStack({ front, runtime, replicas: 3, scale });
      let killing = true;
      const killed = havoc(stack, ["gateway", "payments"], 15).finally(() => killing = false);
      killed.catch(() => {}); // awaited below: until then a failure must not end the whole file
      // Each client asks again after its answer, until the killing is over.
      const answers = (await Promise.all(Array.from({ length: 1_000 }, async (_, i) => {
        const key = i % 100;
        const body = { orderId: `order-of-test-${key}`, amountCents: 100 + key };
        const got = [];
        do {
          got.push({ key, ...await insist(`${stack.url}/api/payments`, `payment-${key}`, body) });
          await pause(Math.random() * 4_000);
        } while (killing);
        return got;
      }))).flat();
      await killed;

      for (const { status, body } of answers) assert.equal(status, 201, body);
      // All clients of a key got the same answer every time, and it is stored.
      const given = new Map(answers.map(({ key, body }) => [key, body]));
      for (const { key, body } of answers) assert.equal(body, given.get(key));
      const payments = await listAll<Payment>(stack, "payments");
      assert.equal(payments.length, SEEDED_PAYMENTS + 100);
      const stored = new Map(payments.map((payment) => [payment.id, payment]));
      for (const body of given.values()) {
        const payment = JSON.parse(body);
        assert.deepEqual(stored.get(payment.id), payment);
      }
    },
  });
}

Deno.test({
  name: "500 orders make 500 payments, none twice, while payments is killed 10 times",
  ...requires("nginx", "redis-server"),
  async fn() {
    await using stack = await startTestStack({ replicas: 1 });
    const ids: string[] = [];
    for (let kills = 0; kills < 10; kills++) {
      // What is placed just before is what the victim works on.
      const placing = placeOrders(stack, 50, 50 * kills);
      placing.catch(() => {}); // awaited below
      await pause(Math.random() * 100);
      await killAndWait(stack, "payments-1");
      ids.push(...await placing);
    }
    await assertPaidOnce(stack, ids);
  },
});

Deno.test({
  name: "orders lead to one payment each while orders, payments and Redis are killed",
  ...requires("nginx", "redis-server"),
  async fn() {
    await using stack = await startTestStack({ replicas: 1, scale: { orders: 2, payments: 2 } });
    const killed = havoc(stack, ["orders", "payments", "redis"], 8);
    killed.catch(() => {}); // awaited below
    const ids = await placeOrders(stack, 300);
    await killed;
    await assertPaidOnce(stack, ids);
  },
});
