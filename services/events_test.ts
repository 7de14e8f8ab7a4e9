// deno-lint-ignore-file no-await-in-loop -- tables
import assert from "node:assert/strict";
import type { EventRef } from "../kit/event_consumer.ts";
import type { EventParts } from "../kit/run_service.ts";
import type { CreateFromOptions } from "../kit/store/redis_store.ts";
import { createTestContext } from "../testing/instance_context.ts";
import { orderEvents, settle } from "./orders/events.ts";
import { newOrderSchema, type Order } from "./orders/schema.ts";
import { paymentEvents, type PlacedOrder } from "./payments/events.ts";
import { type Payment, paymentSchema } from "./payments/schema.ts";

const ORDER: Order = {
  id: "ord_1",
  userId: "usr_1",
  items: [{ sku: "a", quantity: 2, unitPriceCents: 150 }],
  currency: "EUR",
  totalCents: 300,
  status: "placed",
  createdAt: "2026-01-01T00:00:00.000Z",
};
const REF: EventRef = { stream: "s", group: "g", entry: "1-1" };

Deno.test("settle() pays an order with its total in its currency, not with less", () => {
  const cases: [amountCents: number, currency: string, status: string][] = [
    [300, "EUR", "paid"],
    [301, "EUR", "paid"],
    [299, "EUR", "placed"],
    [300, "USD", "placed"],
  ];
  for (const [amountCents, currency, status] of cases) {
    const payment = { orderId: "ord_1", amountCents, currency };
    assert.deepEqual(settle(ORDER, payment), { ...ORDER, status }, `${amountCents} ${currency}`);
  }
  const paid = settle(ORDER, { orderId: "ord_1", amountCents: 300, currency: "EUR" });
  assert.deepEqual(settle(paid, { orderId: "ord_1", amountCents: 1, currency: "EUR" }), paid);
});

Deno.test("paymentEvents captures the total of a placed order, once for the order", async () => {
  const created: [Omit<Payment, "id">, CreateFromOptions][] = [];
  const store = {
    createFrom(draft: Omit<Payment, "id">, options: CreateFromOptions) {
      created.push([draft, options]);
      return Promise.resolve(true);
    },
  };
  const parts = { store, context: createTestContext("payments") } as unknown as EventParts<Payment>;
  const { schema, handle } = paymentEvents.consume;
  const order = schema.parse(ORDER);
  assert.equal(await handle(order, REF, parts), "done");
  assert.equal(await handle({ ...order, status: "paid" }, REF, parts), "ignored");
  const [[draft, options] = []] = created;
  assert.equal(created.length, 1);
  assert.deepEqual(options, { cause: REF, once: "order:ord_1" });
  assert.deepEqual(paymentSchema.omit({ id: true }).parse(draft), {
    orderId: "ord_1",
    userId: "usr_1",
    amountCents: 300,
    currency: "EUR",
    status: "captured",
    createdAt: new Date(parts.context.clock.wallNow()).toISOString(),
  });
});

Deno.test("every order that is accepted makes an event that payments understands", () => {
  const most = { sku: "a", quantity: 1_000, unitPriceCents: 10_000_000 };
  const largest = newOrderSchema.parse({ userId: "u", items: [most] });
  const event: PlacedOrder = paymentEvents.consume.schema.parse({
    ...largest,
    id: "ord_1",
    status: "placed",
    totalCents: 10_000_000_000,
    extra: "of a later version",
  });
  assert.equal(paymentSchema.shape.amountCents.parse(event.totalCents), 10_000_000_000);
  const more = newOrderSchema.safeParse({ userId: "u", items: [most, { ...most, quantity: 1 }] });
  assert.deepEqual(more.error?.issues.map(({ path }) => path), [["items"]]);
});

Deno.test("orderEvents ignores payments for orders that are not ours", async () => {
  for (const known of [true, false]) {
    const store = { changeFrom: () => Promise.resolve(known) };
    const parts = { store, context: createTestContext("orders") } as unknown as EventParts<Order>;
    const payment = orderEvents.consume.schema.parse({
      id: "pay_1",
      orderId: "elsewhere",
      amountCents: 300,
      currency: "EUR",
    });
    const outcome = await orderEvents.consume.handle(payment, REF, parts);
    assert.equal(outcome, known ? "done" : "ignored");
  }
});
