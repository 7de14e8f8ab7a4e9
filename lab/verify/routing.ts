/**
 * Check 1: requests reach the service that their path names, and no other path reaches anything.
 *
 * @module
 */
import { type Check, get } from "./check.ts";

const EXPECTED: readonly [path: string, status: number][] = [
  ["/api/users?limit=1", 200],
  ["/api/orders?limit=1", 200],
  ["/api/payments/pay_none", 404],
  ["/api/metrics", 200],
  ["/api/nowhere", 404],
  // Only for those who can reach an instance's own port.
  ["/healthz", 404],
  ["/metrics", 404],
  ["/faults", 404],
];

/** Basic routing through the front. */
export const routing: Check = {
  title: "Routing through the front",
  replicas: 3,
  async run({ url }) {
    const answers = await Promise.all(EXPECTED.map(([path]) => get(url + path)));
    const wrong = EXPECTED.flatMap(([path, expected], index) => {
      const { status, type, instance } = answers[index] ?? {};
      const typed = status === 200 || type?.startsWith("application/problem+json");
      return status === expected && typed && instance ? [] : [`${path}: ${status} ${type}`];
    });
    const seen = wrong.length === 0
      ? `${EXPECTED.length} paths answered as expected, errors as problem+json`
      : wrong.join("; ");
    return { passed: wrong.length === 0, seen };
  },
};
