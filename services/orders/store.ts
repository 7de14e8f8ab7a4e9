/**
 * How orders are kept, and the orders that are there from the start.
 *
 * @module
 */
import type { Draft, EntityKind } from "../../kit/store/entity_store.ts";
import { DEMO_ORDERS, demoId, demoOrder } from "../demo_data.ts";
import type { Order } from "./schema.ts";

/** Orders as a store sees them; lists can be restricted to one user. */
export const orderKind: EntityKind<Order> = {
  name: "orders",
  idPrefix: "ord_",
  indexes: { user: (order) => order.userId },
};

/** The demo orders, oldest first. */
export function seedOrders(): Draft<Order>[] {
  return Array.from({ length: DEMO_ORDERS }, (_, i) => {
    const { userNumber, items, totalCents, paid, createdAt } = demoOrder(i + 1);
    return {
      userId: demoId("usr_", userNumber),
      items,
      currency: "EUR",
      totalCents,
      status: paid ? "paid" : "placed",
      createdAt,
    };
  });
}
