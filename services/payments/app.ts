/**
 * The payments service: `GET /payments[?user=][&order=]`, `GET /payments/:id`, `POST /payments`.
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
import { parseJsonBody, parseQuery } from "../../kit/validate.ts";
import { newPaymentSchema, type Payment } from "./schema.ts";
import { paymentKind } from "./store.ts";

const paymentsQuerySchema = listQuerySchema.extend({ user: filterSchema, order: filterSchema })
  .refine(({ user, order }) => user === undefined || order === undefined, {
    path: ["order"],
    message: "must not be given together with user",
  });

/** Makes the payments app. */
export function createPaymentsApp(parts: ServiceParts<Payment>): Hono<InstanceEnv> {
  const { store, context: { clock } } = parts;
  return createServiceApp(parts, (app) => {
    app.get("/payments", async (c) => {
      const { user, order, ...query } = parseQuery(c, paymentsQuerySchema);
      const value = user ?? order;
      const where = value === undefined
        ? undefined
        : { index: user === undefined ? "order" : "user", value };
      return c.json(
        toListBody(await store.list({ ...toListOptions(query, paymentKind.idPrefix), where })),
      );
    });

    app.get("/payments/:id", async (c) => {
      const payment = await store.get(c.req.param("id"));
      if (!payment) throw new Problem("not-found", { detail: "There is no payment with this id" });
      return c.json(payment);
    });

    app.post("/payments", async (c) => {
      const request = await parseJsonBody(c, newPaymentSchema);
      requireTime(c, clock);
      const { entity, replayed } = await createOnce<Payment>({
        store,
        key: c.req.header(IDEMPOTENCY_KEY),
        request,
        draft: () => ({
          ...request,
          status: "captured",
          createdAt: new Date(clock.wallNow()).toISOString(),
        }),
      });
      if (replayed) c.header(IDEMPOTENCY_REPLAYED, "true");
      return c.json(entity, 201, { location: `/payments/${entity.id}` });
    });
  });
}
