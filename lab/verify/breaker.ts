/**
 * Check 6: a service that hangs is given up on for a while, and taken back when it is well.
 *
 * @module
 */
import { type Check, get, paymentsId } from "./check.ts";

/** Of different payments, because identical requests in flight share one call. */
const path = (n: number) => `/api/payments/pay_none${n}`;
/** Without a breaker each request would wait for the upstream timeout of 2 s. */
const QUICK_MS = 100;
/** From the end of the trouble until the breaker is closed: a good answer alone may be that of a probe. */
const RECOVERY_MS = 15_000;

/** Freezes the payments service, watches its route fail quickly, thaws it, waits for recovery. */
export const breaker: Check = {
  title: "Circuit breaker",
  replicas: 1,
  async run({ stack, url }) {
    const hung = await paymentsId(stack);
    await stack.kill(hung, "SIGSTOP");
    let opened, others;
    try {
      // Enough calls for every breaker's window, all at once: they hang until the upstream timeout.
      await Promise.all(Array.from({ length: 30 }, (_, n) => get(url + path(n))));
      opened = await timed(url + path(0));
      others = await timed(`${url}/api/users?limit=1`);
    } finally {
      await stack.kill(hung, "SIGCONT");
    }
    const thawedAt = performance.now();
    let recoveredMs = Infinity;
    while (recoveredMs === Infinity && performance.now() - thawedAt < RECOVERY_MS) {
      // deno-lint-ignore no-await-in-loop -- looking again is the point
      if (await isWell(url)) recoveredMs = performance.now() - thawedAt;
      // deno-lint-ignore no-await-in-loop -- looking again is the point
      else await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const passed = opened.status === 503 && opened.ms < QUICK_MS && others.status === 200 &&
      recoveredMs < RECOVERY_MS;
    return {
      passed,
      seen: `payments frozen: its route ${opened.status} in ${opened.ms.toFixed(1)} ms, ` +
        `users ${others.status} in ${others.ms.toFixed(1)} ms; ` +
        (recoveredMs < RECOVERY_MS
          ? `well again ${(recoveredMs / 1_000).toFixed(1)} s after`
          : `not well again after ${RECOVERY_MS / 1_000} s`),
    };
  },
};

/** Whether payments answers, and the one gateway calls its breaker closed. */
async function isWell(url: string): Promise<boolean> {
  const { status } = await get(url + path(0));
  if (status !== 404) return false;
  const { body } = await get(`${url}/api/metrics`);
  return body.breakers.payments.kind === "closed";
}

async function timed(url: string): Promise<{ status: number; ms: number }> {
  const start = performance.now();
  const { status } = await get(url);
  return { status, ms: performance.now() - start };
}
