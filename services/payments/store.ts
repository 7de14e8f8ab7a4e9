/**
 * How payments are kept, and the payments that are there from the start.
 *
 * @module
 */
import type { Draft, EntityKind } from "../../kit/store/entity_store.ts";
import { DEMO_ORDERS, demoId, demoOrder } from "../demo_data.ts";
import type { Payment } from "./schema.ts";

/** Payments as a store sees them; lists can be restricted to one user or one order. */
export const paymentKind: EntityKind<Payment> = {
  name: "payments",
  idPrefix: "pay_",
  indexes: { user: (payment) => payment.userId, order: (payment) => payment.orderId },
};

/** The demo payments, oldest first: one for each demo order that is paid. */
export function seedPayments(): Draft<Payment>[] {
  const payments: Draft<Payment>[] = [];
  for (let number = 1; number <= DEMO_ORDERS; number++) {
    const { userNumber, totalCents, paid, paidAt } = demoOrder(number);
    if (!paid) continue;
    payments.push({
      orderId: demoId("ord_", number),
      userId: demoId("usr_", userNumber),
      amountCents: totalCents,
      currency: "EUR",
      status: "captured",
      createdAt: paidAt,
    });
  }
  return payments;
}
