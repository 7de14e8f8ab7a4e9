/**
 * The orders service: `GET /orders[?user=]`, `GET /orders/:id`, `POST /orders`.
 *
 * @module
 */
import type { Hono } from "hono";
import { honourDeadline, requireTime } from "../../kit/deadline.ts";
import { createOnce, IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED } from "../../kit/idempotency.ts";
import {
  createInstanceApp,
  type InstanceContext,
  type InstanceEnv,
} from "../../kit/instance_app.ts";
import { filterSchema, listQuerySchema, toListBody, toListOptions } from "../../kit/list_query.ts";
import { Problem } from "../../kit/problem.ts";
import type { Draft, EntityStore } from "../../kit/store/entity_store.ts";
import { parseJsonBody, parseQuery } from "../../kit/validate.ts";
import { type NewOrder, newOrderSchema, type Order } from "./schema.ts";
import { orderKind } from "./store.ts";

/** What the orders app is made from. */
export interface OrdersAppOptions {
  context: InstanceContext;
  store: EntityStore<Order>;
}

const ordersQuerySchema = listQuerySchema.extend({ user: filterSchema });

/** Makes the orders app. */
export function createOrdersApp({ context, store }: OrdersAppOptions): Hono<InstanceEnv> {
  const { clock } = context;

  function place(order: NewOrder): Draft<Order> {
    const totalCents = order.items.reduce((sum, i) => sum + i.quantity * i.unitPriceCents, 0);
    const createdAt = new Date(clock.wallNow()).toISOString();
    return { ...order, totalCents, status: "placed", createdAt };
  }

  return createInstanceApp(context, (app) => {
    app.use(honourDeadline(clock));

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
