/**
 * What an order is, and what clients may send.
 *
 * @module
 */
import { z } from "zod";

const item = z.object({
  sku: z.string().min(1).max(64),
  quantity: z.int().min(1).max(1_000),
  /** Price of one piece in the smallest unit of the currency. */
  unitPriceCents: z.int().min(0).max(100_000_000),
});

/** The most that one order may cost: what one payment can capture. */
const MAX_TOTAL_CENTS = 10_000_000_000;

const orderFields = z.object({
  userId: z.string().min(1).max(64),
  items: z.array(item).min(1).max(100),
  currency: z.string().regex(/^[A-Z]{3}$/).default("EUR"),
});

/** Body of `POST /orders`. */
export const newOrderSchema = orderFields.refine(
  ({ items }) => totalCents(items) <= MAX_TOTAL_CENTS,
  { path: ["items"], message: `must not cost more than ${MAX_TOTAL_CENTS} in all` },
);
/** What a client sends to place an order. */
export type NewOrder = z.infer<typeof newOrderSchema>;

/** An order as the service stores and returns it. */
export const orderSchema = orderFields.extend({
  /** `ord_` and a sequence that sorts by creation. */
  id: z.string().regex(/^ord_[0-9A-Za-z]{1,60}$/),
  /** Sum of quantity x unit price. */
  totalCents: z.int().nonnegative(),
  status: z.enum(["placed", "paid"]),
  /** RFC 3339. */
  createdAt: z.iso.datetime(),
});
/** An order. */
export type Order = z.infer<typeof orderSchema>;

/** Sum of quantity x unit price. */
export function totalCents(items: readonly z.infer<typeof item>[]): number {
  return items.reduce((sum, { quantity, unitPriceCents }) => sum + quantity * unitPriceCents, 0);
}
