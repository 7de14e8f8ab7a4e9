/**
 * What the orders service does about payments: an order whose total was captured is paid.
 *
 * @module
 */
import { z } from "zod";
import type { ServiceEvents } from "../../kit/run_service.ts";
import type { Order } from "./schema.ts";

/** What we read of the payment in the event; the payments service may say more. */
const capturedPaymentSchema = z.object({
  orderId: z.string(),
  amountCents: z.int(),
  currency: z.string(),
});
/** A payment that was captured. */
export type CapturedPayment = z.output<typeof capturedPaymentSchema>;

/** Orders tell that they were placed, and learn that they were paid. */
export const orderEvents: ServiceEvents<Order, CapturedPayment> = {
  publishTo: "orders:events",
  consume: {
    stream: "payments:events",
    schema: capturedPaymentSchema,
    async handle(payment, cause, { store }) {
      const known = await store.changeFrom(
        payment.orderId,
        (order) => settle(order, payment),
        cause,
      );
      return known ? "done" : "ignored";
    },
  },
};

/** The order after the payment. A part of the total, or another currency, does not pay it. */
export function settle(order: Order, payment: CapturedPayment): Order {
  const paid = payment.amountCents >= order.totalCents && payment.currency === order.currency;
  return paid ? { ...order, status: "paid" } : order;
}
