import assert from "node:assert/strict";
import fc from "fast-check";
import { MemoryStore } from "../kit/store/memory_store.ts";
import { createTestContext } from "../testing/instance_context.ts";
import { createOrdersApp } from "./orders/app.ts";
import { newOrderSchema, type Order } from "./orders/schema.ts";
import { orderKind } from "./orders/store.ts";
import { createPaymentsApp } from "./payments/app.ts";
import { newPaymentSchema, type Payment } from "./payments/schema.ts";
import { paymentKind } from "./payments/store.ts";

const orders = createOrdersApp({
  context: createTestContext("orders"),
  store: new MemoryStore<Order>(orderKind),
});
const payments = createPaymentsApp({
  context: createTestContext("payments"),
  store: new MemoryStore<Payment>(paymentKind),
});

/** Values that look like an order or a payment, and now and then are one. */
const nearly = fc.record({
  userId: fc.oneof(fc.string(), fc.string({ maxLength: 80, unit: "binary" }), fc.jsonValue()),
  orderId: fc.oneof(fc.string(), fc.jsonValue()),
  items: fc.oneof(
    fc.array(fc.record({
      sku: fc.oneof(fc.string({ unit: "binary" }), fc.constant("a")),
      quantity: fc.oneof(fc.integer(), fc.double(), fc.integer({ min: 1, max: 1_000 })),
      unitPriceCents: fc.oneof(fc.maxSafeInteger(), fc.integer({ min: 0, max: 100_000_000 })),
    })),
    fc.jsonValue(),
  ),
  amountCents: fc.oneof(fc.maxSafeInteger(), fc.double(), fc.jsonValue()),
  currency: fc.oneof(fc.constant("EUR"), fc.string(), fc.jsonValue()),
}, { requiredKeys: [] });

const hostile = fc.oneof(nearly.map((value) => JSON.stringify(value)), fc.json(), fc.string());

Deno.test("POST answers any body with 201, 400 or 422, and 201 only to what the schema allows", async () => {
  const targets = [
    { app: orders, path: "/orders", schema: newOrderSchema },
    { app: payments, path: "/payments", schema: newPaymentSchema },
  ];
  await fc.assert(
    fc.asyncProperty(hostile, fc.constantFrom(...targets), async (body, { app, path, schema }) => {
      const headers = { "content-type": "application/json" };
      const response = await app.request(path, { method: "POST", headers, body });
      const answer = await response.text();
      assert.ok([201, 400, 422].includes(response.status), `${response.status} ${answer}`);
      const isJson = (() => {
        try {
          return { value: JSON.parse(body) };
        } catch {
          return undefined;
        }
      })();
      const allowed = isJson !== undefined && schema.safeParse(isJson.value).success;
      assert.equal(response.status === 201, allowed, answer);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("GET answers any query and any id with 200, 400 or 404", async () => {
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.webFragments());
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom("limit", "cursor", "user", "order", "__proto__"), text)),
      text,
      async (query, id) => {
        const list = await payments.request(`/payments?${new URLSearchParams(query)}`);
        assert.ok([200, 400].includes(list.status), await list.text());
        const path = `/orders/${encodeURIComponent(id.toWellFormed())}`;
        const one = await orders.request(path);
        // An empty id is the list itself; "." and ".." never arrive as an id.
        assert.ok([200, 404].includes(one.status), `${path} ${await one.text()}`);
      },
    ),
    { numRuns: 2_000 },
  );
});
