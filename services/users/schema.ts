/**
 * What a user is.
 *
 * @module
 */
import { z } from "zod";

/** A user as the service stores and returns it. */
export const userSchema = z.object({
  /** `usr_` and a sequence that sorts by creation. */
  id: z.string().regex(/^usr_[0-9A-Za-z]{1,60}$/),
  name: z.string().min(1).max(200),
  email: z.email(),
  /** RFC 3339. */
  createdAt: z.iso.datetime(),
});
/** A user. */
export type User = z.infer<typeof userSchema>;
