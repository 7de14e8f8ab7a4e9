/**
 * The orders service: `GET /orders[?user=]`, `GET /orders/:id`, `POST /orders`.
 *
 * @module
 */
import type { Hono } from "hono";
import { requireTime } from "../../kit/deadline.ts";
import { createOnce, IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED } from "../../kit/idempotency.ts";
import type { InstanceEnv } from "../../kit/instance_app.ts";
import { filterSchema, listQuerySchema, toListBody, toListOptions } from "../../kit/list_query.ts";
import { Problem } from "../../kit/problem.ts";
import type { ServiceParts } from "../../kit/run_service.ts";
import { createServiceApp } from "../../kit/service_app.ts";
import type { Draft } from "../../kit/store/entity_store.ts";
import { parseJsonBody, parseQuery } from "../../kit/validate.ts";
import { type NewOrder, newOrderSchema, type Order, totalCents } from "./schema.ts";
import { orderKind } from "./store.ts";

const ordersQuerySchema = listQuerySchema.extend({ user: filterSchema });

/** Makes the orders app. */
export function createOrdersApp(parts: ServiceParts<Order>): Hono<InstanceEnv> {
  const { store, context: { clock } } = parts;

  function place(order: NewOrder): Draft<Order> {
    const total = totalCents(order.items);
    const createdAt = new Date(clock.wallNow()).toISOString();
    // What costs nothing needs no payment.
    return { ...order, totalCents: total, status: total === 0 ? "paid" : "placed", createdAt };
  }

  return createServiceApp(parts, (app) => {
    app.get("/orders", async (c) => {
      const { user, ...query } = parseQuery(c, ordersQuerySchema);
      const where = user === undefined ? undefined : { index: "user", value: user };
      return c.json(
        toListBody(await store.list({ ...toListOptions(query, orderKind.idPrefix), where })),
      );
    });

    app.get("/orders/:id", async (c) => {
      const order = await store.get(c.req.param("id"));
      if (!order) throw new Problem("not-found", { detail: "There is no order with this id" });
      return c.json(order);
    });

    app.post("/orders", async (c) => {
      const request = await parseJsonBody(c, newOrderSchema);
      requireTime(c, clock);
      const { entity, replayed } = await createOnce({
        store,
        key: c.req.header(IDEMPOTENCY_KEY),
        request,
        draft: () => place(request),
      });
      if (replayed) c.header(IDEMPOTENCY_REPLAYED, "true");
      return c.json(entity, 201, { location: `/orders/${entity.id}` });
    });
  });
}
