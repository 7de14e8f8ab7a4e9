/**
 * What the payments service does about orders: it captures the total of each order that was placed, once.
 *
 * `POST /payments` is apart from this: a payment that somebody asks for, once for each
 * `Idempotency-Key`, whether or not the order was paid for already.
 *
 * @module
 */
import { z } from "zod";
import type { ServiceEvents } from "../../kit/run_service.ts";
import type { Payment } from "./schema.ts";

/** What we read of the order in the event; the orders service may say more. */
const placedOrderSchema = z.object({
  id: z.string(),
  userId: z.string(),
  totalCents: z.int().nonnegative(),
  currency: z.string(),
  status: z.string(),
});
/** An order that was placed. */
export type PlacedOrder = z.output<typeof placedOrderSchema>;

/** Payments follow from orders, and tell that they were made. */
export const paymentEvents: ServiceEvents<Payment, PlacedOrder> = {
  publishTo: "payments:events",
  consume: {
    stream: "orders:events",
    schema: placedOrderSchema,
    async handle(order, cause, { store, context }) {
      if (order.status !== "placed") return "ignored";
      const payment = {
        orderId: order.id,
        userId: order.userId,
        amountCents: order.totalCents,
        currency: order.currency,
        status: "captured",
        createdAt: new Date(context.clock.wallNow()).toISOString(),
      } as const;
      await store.createFrom(payment, { cause, once: `order:${order.id}` });
      return "done";
    },
  },
};
