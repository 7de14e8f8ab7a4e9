/**
 * How users are kept, and the users that are there from the start.
 *
 * @module
 */
import type { Draft, EntityKind } from "../../kit/store/entity_store.ts";
import { DEMO_USERS, demoTime } from "../demo_data.ts";
import type { User } from "./schema.ts";

/** Users as a store sees them. */
export const userKind: EntityKind<User> = { name: "users", idPrefix: "usr_", indexes: {} };

const FIRST_NAMES = "Ada Alan Barbara Claude Dana Edsger Frances Grace Hedy Ines Joan Ken".split(
  " ",
);
const LAST_NAMES = "Abel Brandt Castro Dietrich Evans Fischer Garcia Haas Ivanov Jensen".split(" ");

/** The demo users, oldest first. */
export function seedUsers(): Draft<User>[] {
  return Array.from({ length: DEMO_USERS }, (_, i) => {
    const first = FIRST_NAMES[i % FIRST_NAMES.length] ?? "";
    const last = LAST_NAMES[Math.floor(i / FIRST_NAMES.length) % LAST_NAMES.length] ?? "";
    return {
      name: `${first} ${last}`,
      email: `${first}.${last}.${i + 1}@example.com`.toLowerCase(),
      createdAt: demoTime(i - DEMO_USERS),
    };
  });
}
