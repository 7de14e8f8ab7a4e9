/**
 * The numbers behind the seed data. Every service computes its own part from them, so that orders refer
 * to users and payments to orders although no service asks another.
 *
 * @module
 */

/** How many users there are: `usr_000000000001` and on. */
export const DEMO_USERS = 300;
/** How many orders there are: `ord_000000000001` and on. */
export const DEMO_ORDERS = 1_000;

const START_MS = Date.UTC(2026, 0, 1, 8);
const MINUTE_MS = 60_000;

const CATALOG = [
  ["keyboard", 8_900],
  ["mouse", 3_450],
  ["monitor", 24_900],
  ["desk-lamp", 4_200],
  ["usb-cable", 790],
  ["headset", 11_900],
  ["webcam", 6_450],
  ["notebook", 390],
  ["chair", 31_900],
  ["bag", 7_950],
] as const;

/** What the services know of a demo order. */
export interface DemoOrder {
  /** From 1. */
  userNumber: number;
  items: { sku: string; quantity: number; unitPriceCents: number }[];
  totalCents: number;
  paid: boolean;
  createdAt: string;
  paidAt: string;
}

/** The demo order with this number, from 1; always the same. */
export function demoOrder(number: number): DemoOrder {
  // A user's orders are one round apart; without it they would all be the same.
  const round = Math.floor(number / DEMO_USERS);
  const items = Array.from({ length: 1 + number % 3 }, (_, i) => {
    const [sku, unitPriceCents] = CATALOG[(number + round + i * 3) % CATALOG.length] ?? CATALOG[0];
    return { sku, quantity: 1 + (number + round + i) % 4, unitPriceCents };
  });
  return {
    // 7 and 300 have no common divisor, so every user gets three or four orders.
    userNumber: 1 + (number * 7) % DEMO_USERS,
    items,
    totalCents: items.reduce((sum, item) => sum + item.quantity * item.unitPriceCents, 0),
    paid: (number + round * 3) % 10 < 7,
    createdAt: demoTime(number * 10),
    paidAt: demoTime(number * 10 + 3),
  };
}

/** RFC 3339 time, so many minutes after the demo data begins. */
export function demoTime(minutes: number): string {
  return new Date(START_MS + minutes * MINUTE_MS).toISOString();
}

/** Id of a demo record: its number in the twelve digits that stores give. */
export function demoId(prefix: string, number: number): string {
  return prefix + String(number).padStart(12, "0");
}
