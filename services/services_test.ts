// deno-lint-ignore-file no-await-in-loop -- tables of requests, one after the other
import assert from "node:assert/strict";
import type { z } from "zod";
import { type Entity, formatId } from "../kit/store/entity_store.ts";
import { MemoryStore } from "../kit/store/memory_store.ts";
import { createTestContext } from "../testing/instance_context.ts";
import { demoId } from "./demo_data.ts";
import { createOrdersApp } from "./orders/app.ts";
import { orderSchema } from "./orders/schema.ts";
import { orderKind, seedOrders } from "./orders/store.ts";
import { createPaymentsApp } from "./payments/app.ts";
import { paymentSchema } from "./payments/schema.ts";
import { paymentKind, seedPayments } from "./payments/store.ts";
import { createUsersApp } from "./users/app.ts";
import { userSchema } from "./users/schema.ts";
import { seedUsers, userKind } from "./users/store.ts";

interface App {
  request(path: string, init?: RequestInit): Response | Promise<Response>;
}

/** The three services, seeded, and what their answers must look like. */
async function startServices(): Promise<Record<string, { app: App; schema: z.ZodType }>> {
  const users = new MemoryStore(userKind);
  const orders = new MemoryStore(orderKind);
  const payments = new MemoryStore(paymentKind);
  await users.seed(seedUsers());
  await orders.seed(seedOrders());
  await payments.seed(seedPayments());
  return {
    users: {
      app: createUsersApp({ context: createTestContext("users"), store: users }),
      schema: userSchema,
    },
    orders: {
      app: createOrdersApp({ context: createTestContext("orders"), store: orders }),
      schema: orderSchema,
    },
    payments: {
      app: createPaymentsApp({ context: createTestContext("payments"), store: payments }),
      schema: paymentSchema,
    },
  };
}

const ORDER = { userId: "usr_1", items: [{ sku: "a", quantity: 2, unitPriceCents: 150 }] };
const PAYMENT = { orderId: "ord_1", amountCents: 300 };

function post(app: App, path: string, body: unknown, headers: Record<string, string> = {}) {
  return app.request(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

async function json(response: Response | Promise<Response>): Promise<Record<string, unknown>> {
  return await (await response).json();
}

Deno.test("every service lists all its seed data, page by page, as its schema says", async () => {
  const counts: Record<string, number> = {};
  for (const [name, { app, schema }] of Object.entries(await startServices())) {
    const ids = new Set<string>();
    let cursor: unknown = "";
    while (cursor !== undefined) {
      const query = cursor === "" ? "" : `&cursor=${cursor}`;
      const page = await json(app.request(`/${name}?limit=100${query}`));
      for (const item of page.items as Entity[]) {
        schema.parse(item);
        ids.add(item.id);
      }
      cursor = page.nextCursor;
    }
    counts[name] = ids.size;
    const [id] = ids;
    assert.equal((await json(app.request(`/${name}/${id}`))).id, id);
  }
  assert.deepEqual(counts, { users: 300, orders: 1_000, payments: 699 });
});

Deno.test("seed data refers to what is there: payments to paid orders, orders to users", () => {
  const orders = seedOrders();
  const userIds = new Set(seedUsers().map((_, i) => formatId("usr_", i + 1)));
  for (const order of orders) assert.ok(userIds.has(order.userId));
  const payments = seedPayments();
  const unpaid = orders.filter(({ status }) => status === "placed").length;
  assert.equal(orders.length - unpaid, payments.length);
  for (const payment of payments) {
    const order = orders[Number(payment.orderId.slice(4)) - 1];
    assert.equal(order?.status, "paid");
    assert.equal(order?.totalCents, payment.amountCents);
    assert.equal(order?.userId, payment.userId);
    assert.ok(payment.createdAt > (order?.createdAt ?? ""));
  }
  assert.deepEqual(orders.map((o) => o.createdAt), orders.map((o) => o.createdAt).toSorted());
  assert.equal(demoId("usr_", 7), formatId("usr_", 7));
});

Deno.test("GET /orders?user= and GET /payments?user=, ?order= give only theirs", async () => {
  const { orders, payments } = await startServices();
  const user = demoId("usr_", 8);
  for (const service of [orders, payments]) {
    const name = service === orders ? "orders" : "payments";
    const { items } = await json(service?.app.request(`/${name}?user=${user}`) as Response);
    assert.ok((items as unknown[]).length >= 1);
    for (const item of items as { userId: string }[]) assert.equal(item.userId, user);
  }
  const order = demoId("ord_", 1);
  const { items } = await json(payments?.app.request(`/payments?order=${order}`) as Response);
  assert.deepEqual((items as { orderId: string }[]).map(({ orderId }) => orderId), [order]);
});

Deno.test("POST /orders and POST /payments answer 201 with Location and the entity", async () => {
  const { orders, payments } = await startServices();
  for (
    const [name, service, body] of [["orders", orders, ORDER], [
      "payments",
      payments,
      PAYMENT,
    ]] as const
  ) {
    if (!service) return assert.fail();
    const response = await post(service.app, `/${name}`, body);
    assert.equal(response.status, 201);
    const entity = await json(response);
    service.schema.parse(entity);
    const location = response.headers.get("location") ?? "";
    assert.equal(location, `/${name}/${entity.id}`);
    assert.deepEqual(await json(service.app.request(location)), entity);
    if (name === "orders") assert.equal(entity.totalCents, 300);
  }
});

Deno.test("POST with an Idempotency-Key gives the same answer again, byte by byte", async () => {
  const { orders, payments } = await startServices();
  for (
    const [name, service, body] of [["orders", orders, ORDER], [
      "payments",
      payments,
      PAYMENT,
    ]] as const
  ) {
    if (!service) return assert.fail();
    const key = { "idempotency-key": "k-1" };
    const first = await post(service.app, `/${name}`, body, key);
    // Another order of members is the same request.
    const members = Object.fromEntries(Object.entries(body).reverse());
    const again = await post(service.app, `/${name}`, members, key);
    assert.equal(again.status, first.status);
    assert.equal(again.headers.get("location"), first.headers.get("location"));
    assert.equal(first.headers.get("idempotency-replayed"), null);
    assert.equal(again.headers.get("idempotency-replayed"), "true");
    assert.equal(await again.text(), await first.text());
    const other = await post(service.app, `/${name}`, { ...body, currency: "USD" }, key);
    assert.equal(other.status, 422);
    assert.equal((await json(other)).type, "/problems/idempotency-key-reused");
  }
});

/** What a bad request must be answered: status, type, and the field that is named. */
const BAD: [service: string, path: string, init: RequestInit, number, string, string?][] = [
  ["users", "/nothing", {}, 404, "not-found"],
  ["users", "/users/usr_999999999999", {}, 404, "not-found"],
  ["users", "/users/..%2Forders", {}, 404, "not-found"],
  ["users", "/users?limit=0", {}, 400, "invalid-parameter", "limit"],
  ["users", "/users?limit=101", {}, 400, "invalid-parameter", "limit"],
  ["users", "/users?limit=1&limit=2", {}, 400, "invalid-parameter", "limit"],
  ["users", "/users?cursor=%00", {}, 400, "invalid-parameter", "cursor"],
  // A cursor of another list.
  ["users", "/users?cursor=djE6b3JkXzE", {}, 400, "invalid-parameter", "cursor"],
  ["users", "/users", { method: "POST" }, 405, "method-not-allowed"],
  ["users", "/users", { headers: { "x-deadline-ms": "0" } }, 504, "gateway-timeout"],
  ["orders", "/orders?user=", {}, 400, "invalid-parameter", "user"],
  ["orders", "/orders/x", { method: "PUT" }, 405, "method-not-allowed"],
  ["payments", "/payments?user=a&order=b", {}, 400, "invalid-parameter", "order"],
  ["payments", "/payments", { method: "DELETE" }, 405, "method-not-allowed"],
];

Deno.test("bad requests get their status and a problem that names the field", async () => {
  const services = await startServices();
  for (const [service, path, init, status, type, field] of BAD) {
    const response = await services[service]?.app.request(path, init);
    assert.equal(response?.status, status, path);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    const problem = await json(response);
    assert.equal(problem.type, `/problems/${type}`, path);
    const errors = problem.errors as { field: string }[] | undefined;
    assert.equal(errors?.[0]?.field, field, path);
    if (status === 405) assert.match(response.headers.get("allow") ?? "", /GET/);
  }
});

const JSON_TYPE = { "content-type": "application/json" };

/** Bodies and headers that a POST refuses, whichever service it goes to. */
const BAD_POSTS: [body: string, headers: Record<string, string>, number, string][] = [
  ["{", JSON_TYPE, 400, "malformed-json"],
  ["", JSON_TYPE, 400, "malformed-json"],
  ["{}", { "content-type": "text/plain" }, 415, "unsupported-media-type"],
  ["[]", JSON_TYPE, 422, "schema-violation"],
  ["{}", JSON_TYPE, 422, "schema-violation"],
  [JSON.stringify("x".repeat(1_048_576)), JSON_TYPE, 413, "payload-too-large"],
];

Deno.test("POST /orders and POST /payments refuse bad bodies", async () => {
  const services = await startServices();
  for (const name of ["orders", "payments"]) {
    for (const [body, headers, status, type] of BAD_POSTS) {
      const init = { method: "POST", headers, body };
      const response = await services[name]?.app.request(`/${name}`, init);
      assert.equal(response?.status, status, `${name} ${type}`);
      assert.equal((await json(response)).type, `/problems/${type}`);
    }
  }
});

Deno.test("POST /orders and POST /payments point at every member that breaks the schema", async () => {
  const { orders, payments } = await startServices();
  const cases: [string, unknown, string[]][] = [
    ["orders", { ...ORDER, items: [] }, ["/items"]],
    ["orders", { ...ORDER, currency: "euro", userId: "" }, ["/currency", "/userId"]],
    [
      "orders",
      { userId: "u", items: [{ sku: "a", quantity: 0.5, unitPriceCents: -1 }] },
      ["/items/0/quantity", "/items/0/unitPriceCents"],
    ],
    ["payments", { ...PAYMENT, amountCents: 0 }, ["/amountCents"]],
    ["payments", { amountCents: "300" }, ["/amountCents", "/orderId"]],
  ];
  for (const [name, body, fields] of cases) {
    const app = (name === "orders" ? orders : payments)?.app;
    if (!app) return assert.fail();
    const response = await post(app, `/${name}`, body);
    assert.equal(response.status, 422);
    const { errors } = await json(response) as { errors: { field: string }[] };
    const named = errors.map(({ field }) => field).sort();
    assert.deepEqual([...new Set(named)], fields, JSON.stringify(body));
  }
});

Deno.test("POST refuses an Idempotency-Key that is empty, too long or not printable", async () => {
  const { orders } = await startServices();
  if (!orders) return assert.fail();
  for (const key of ["", "x".repeat(256), "caf\u00e9"]) {
    const response = await post(orders.app, "/orders", ORDER, { "idempotency-key": key });
    assert.equal(response.status, 400, key);
    assert.equal((await json(response)).type, "/problems/bad-request");
  }
});
