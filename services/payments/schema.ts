/**
 * What a payment is, and what clients may send.
 *
 * @module
 */
import { z } from "zod";

/** Body of `POST /payments`. */
export const newPaymentSchema = z.object({
  orderId: z.string().min(1).max(64),
  userId: z.string().min(1).max(64).optional(),
  amountCents: z.int().min(1).max(10_000_000_000),
  currency: z.string().regex(/^[A-Z]{3}$/).default("EUR"),
});

/** A payment as the service stores and returns it. */
export const paymentSchema = newPaymentSchema.extend({
  /** `pay_` and a sequence that sorts by creation. */
  id: z.string().regex(/^pay_[0-9A-Za-z]{1,60}$/),
  status: z.literal("captured"),
  /** RFC 3339. */
  createdAt: z.iso.datetime(),
});
/** A payment. */
export type Payment = z.infer<typeof paymentSchema>;
