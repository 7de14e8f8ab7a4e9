/**
 * Check 7: one request gathers what three services know, and serves the rest when one fails.
 *
 * @module
 */
import { type Check, get, paymentsId } from "./check.ts";

/** The dashboard of a user, complete and with a part missing. */
export const aggregation: Check = {
  title: "Data aggregation",
  replicas: 1,
  async run({ stack, url }) {
    const { body: users } = await get(`${url}/api/users?limit=1`);
    const user = users.items[0].id;
    const whole = await get(`${url}/api/dashboard?user=${user}`);
    const failing = await paymentsId(stack);
    await stack.kill(failing, "SIGSTOP");
    let part;
    try {
      part = await get(`${url}/api/dashboard?user=${user}`);
    } finally {
      await stack.kill(failing, "SIGCONT");
    }
    const complete = (body: typeof whole.body) =>
      body.user?.id === user && Array.isArray(body.orders) && Array.isArray(body.payments);
    const named = Object.keys(part.body.errors ?? {}).sort(); // they come in any order
    const passed = whole.status === 200 && complete(whole.body) &&
      Object.keys(whole.body.errors).length === 0 &&
      part.status === 200 && complete(part.body) && named.join() === "payments";
    return {
      passed,
      seen:
        `${user}: ${whole.body.orders?.length} orders, ${whole.body.payments?.length} payments; ` +
        `with payments frozen ${part.status}, errors name ${named.join(", ") || "nothing"}`,
    };
  },
};
