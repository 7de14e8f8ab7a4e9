/**
 * Makes a service of the running stack fail.
 *
 * @module
 */
import type { TrialContext } from "../experiment.ts";
import { addressesOf } from "./arrangements.ts";

/** Makes orders hang (level `fault: "hang"`) or answer 500. @returns what makes it work again */
export async function strike({ stack, levels }: TrialContext): Promise<() => Promise<void>> {
  if (levels.fault === "hang") {
    await stack.kill("orders-1", "SIGSTOP");
    return () => stack.kill("orders-1", "SIGCONT");
  }
  const [address] = await addressesOf(stack, "orders");
  const put = async (faults: unknown[]) => {
    const response = await fetch(`${address}/faults`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ faults }),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`Cannot set faults: status ${response.status}`);
  };
  await put([{ effect: { kind: "error", status: 500 } }]);
  return () => put([]);
}
